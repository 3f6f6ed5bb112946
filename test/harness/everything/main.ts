/**
 * The everything server as a program: `node test/harness/everything/main.ts --port N [--era legacy|modern|dual]`.
 * Port 0 takes a free one; the line that it prints names the URL. It ends with SIGTERM, or with the process that started it.
 */
import { parseArgs } from 'node:util';
import { Everything, type EverythingEra } from './everything.ts';

const eras: readonly string[] = ['legacy', 'modern', 'dual'] satisfies EverythingEra[];
const { values } = parseArgs({
  options: { port: { type: 'string', default: '0' }, era: { type: 'string', default: 'dual' } },
});
const port = Number(values.port);
if (!eras.includes(values.era) || !Number.isInteger(port) || port < 0 || port > 65_535) {
  console.error('usage: node test/harness/everything/main.ts --port N [--era legacy|modern|dual]');
  process.exit(2);
}
const everything = await Everything.start({ port, era: values.era as EverythingEra });
console.log(`everything (${values.era}) listens on ${everything.url}`);

const stop = () => void everything[Symbol.asyncDispose]().then(() => process.exit(0));
process.once('SIGTERM', stop);
process.once('SIGINT', stop);
process.once('disconnect', stop);
