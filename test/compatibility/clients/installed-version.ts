/** The version of an npm package of this checkout, for the page. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..', '..');

/** `folder`: that which holds `node_modules`; default the checkout. */
export function installedVersion(name: string, folder: string = root): string {
  const manifest = readFileSync(join(folder, 'node_modules', name, 'package.json'), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}
