/** The key of dynamic updates, before any is sent. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDnsProvider } from './index.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rfc2136-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const SECRET = Buffer.alloc(32, 7).toString('base64');

test.each<[string, string | undefined, number, RegExp]>([
  ['is not there', undefined, 0, /cannot be read: expected a file with the secret of portolan in base64/],
  ['others may read', SECRET, 0o644, /others may read it/],
  [
    'is a whole configuration',
    `secret "${SECRET}";`,
    0o600,
    /expected a secret of at least 16 bytes in base64, and nothing else/,
  ],
  ['is too short', 'c2hvcnQ=', 0o600, /expected a secret of at least 16 bytes/],
])('a key file that %s is refused at the start, without a word of what is in it', async (what, text, mode, says) => {
  const keyFile = join(folder, what.replaceAll(' ', '-'));
  if (text !== undefined) await writeFile(keyFile, text, { mode });
  const rfc2136 = {
    server: '127.0.0.1',
    zone: 'example.test',
    keyName: 'portolan',
    algorithm: 'hmac-sha256',
    keyFile,
  } as const;
  const refused = openDnsProvider({ rfc2136 }, Date.now);
  await expect(refused).rejects.toThrow(says);
  await expect(refused).rejects.not.toThrow(text ?? 'none');
});
