// The build stage of a plane's image: `node tools/images/assemble.mjs <gateway|control-plane> <folder>`. Fills the folder with
// what is laid over the base. Where the context came without node_modules, npm installs them first, as the lock says.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

if (!existsSync('node_modules')) {
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund'];
  const { status, error } = spawnSync('npm', args, { stdio: 'inherit' });
  if (status !== 0) {
    process.stderr.write(
      `npm ci failed (${error?.message ?? `exit ${status}`}). BUILDER must hold npm, or the context node_modules.\n`,
    );
    process.exit(1);
  }
}
const { assemble } = await import('./assemble.ts');
const [, , plane, out] = process.argv;
await assemble({ checkout: process.cwd(), plane, out, packages: '/base/status.d' });
