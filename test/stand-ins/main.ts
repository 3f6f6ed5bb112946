/** The stand-ins of one stack as a process: ready once `ready.json` is there; SIGTERM ends it and all that it started. */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ProgramSettings } from '../../tools/programs/settings.ts';
import { startEnvironment } from './environment.ts';

const { folder } = parseArgs({ options: { folder: { type: 'string' } } }).values;
if (folder === undefined) throw new Error('expected --folder <absolute path>, with settings.json in it');

const asked = Promise.withResolvers<void>();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => asked.resolve());

const settings = ProgramSettings.parse(JSON.parse(readFileSync(join(folder, 'settings.json'), 'utf8')));
const ready = join(folder, 'ready.json');
await using environment = await startEnvironment(settings, folder);
writeFileSync(`${ready}.draft`, JSON.stringify(environment.standIns));
renameSync(`${ready}.draft`, ready);
console.log(`ready: ${[...environment.clusters.keys()].join(', ')}`);
await asked.promise;
rmSync(ready, { force: true });
