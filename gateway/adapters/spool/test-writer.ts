/**
 * Not a test: the process that spool.test.ts kills, or starves of disk. Appends records to the spool in its first argument and prints the
 * number of each once `append` has resolved. Arguments: folder, most records, onFull.
 */
import { writeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { openSpool } from './spool.ts';
import { auditRecord, quietLog, realClock } from './test-record.ts';

const [folder = '', most = '0', onFull = 'refuse'] = process.argv.slice(2);
const spool = await openSpool({
  folder,
  onFull: onFull === 'drop-oldest' ? 'drop-oldest' : 'refuse',
  maxBytes: 64 * 2 ** 20,
  clock: realClock,
  log: quietLog,
});

for (let n = 0; n < Number(most); n += 10) {
  const appended = Array.from({ length: 10 }, async (_none, at) => {
    const done = await spool.append(auditRecord({ tool: String(n + at) })).then(
      () => 'ok',
      () => 'refused',
    );
    writeSync(1, `${done} ${n + at}\n`);
  });
  await Promise.all(appended);
  if (n % 100 === 0) await delay(0);
}
writeSync(1, `end ${JSON.stringify({ ...spool.state(), accepts: spool.accepts() })}\n`);
