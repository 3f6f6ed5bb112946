/** `npm run docs`: writes the generated pages of docs/; with `--check` writes nothing and fails where one is out of date. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pages } from './pages.ts';

const folder = join(import.meta.dirname, '..', '..', 'docs');
const check = process.argv.includes('--check');
for (const [name, text] of pages()) {
  const path = join(folder, name);
  if (!check) {
    writeFileSync(path, text);
    console.log(`docs/${name} written`);
  } else if (readFileSync(path, 'utf8') !== text) {
    console.error(`docs/${name} is out of date: run npm run docs`);
    process.exitCode = 1;
  }
}
