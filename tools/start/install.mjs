// Packages: brings node_modules to what package-lock.json says. It leaves choosing a Node to find-node.mjs.
// Invariant: when it returns, node_modules/.portolan-lock-hash is the hash of the lock file that was installed.

import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { withLock } from './lock.mjs';
import { progress } from './progress.mjs';
import { runQuietly } from './run-quietly.mjs';

const tailLines = 30;

/** An installation that did not work; the message is for the person at the terminal. */
export class InstallFailed extends Error {}

/**
 * Runs `npm ci --ignore-scripts` when packages are missing or the lock file changed. Two runs do not collide.
 *
 * @param {string} checkout Folder with package-lock.json.
 * @param {AbortSignal} signal
 */
export async function installPackages(checkout, signal) {
  if (isInstalled(checkout)) return;
  const waiting = (pid) => console.error(`Another run (process ${pid}) is installing packages; waiting for it.`);
  await withLock(join(checkout, '.portolan', 'install.lock'), () => installNow(checkout, signal), waiting, signal);
}

async function installNow(checkout, signal) {
  if (isInstalled(checkout)) return; // by the run that had the lock
  if (!matchesLock(checkout)) await npmCi(checkout, signal);
  writeFileSync(join(checkout, 'node_modules', '.portolan-lock-hash'), lockHash(checkout));
}

function isInstalled(checkout) {
  return readIfThere(join(checkout, 'node_modules', '.portolan-lock-hash')) === lockHash(checkout);
}

function lockHash(checkout) {
  const lock = readIfThere(join(checkout, 'package-lock.json'));
  if (lock === undefined)
    throw new InstallFailed(`package-lock.json is missing in ${checkout}: the checkout is not whole.`);
  return createHash('sha256').update(lock).digest('hex');
}

/** After a plain `npm install` the tree may be right already; npm ci would tear it down under whatever runs from it. */
function matchesLock(checkout) {
  const installed = readIfThere(join(checkout, 'node_modules', '.package-lock.json'));
  if (installed === undefined) return false;
  const lock = readFileSync(join(checkout, 'package-lock.json'), 'utf8');
  return sameTree(JSON.parse(lock).packages, JSON.parse(installed).packages);
}

/**
 * Whether an installed tree is the locked one. Packages for other platforms may be absent.
 *
 * @param {Record<string, {version?: string, integrity?: string, optional?: boolean, link?: boolean, resolved?: string}>} locked
 * @param {Record<string, {version?: string, integrity?: string, link?: boolean, resolved?: string}>} installed
 */
export function sameTree(locked, installed) {
  const wanted = Object.entries(locked).filter(([path]) => path !== '');
  const extra = Object.keys(installed).some((path) => locked[path] === undefined);
  return !extra && wanted.every(([path, entry]) => samePackage(entry, installed[path]));
}

function samePackage(locked, installed) {
  if (installed === undefined) return locked.optional === true;
  if (locked.link) return installed.link === true && installed.resolved === locked.resolved;
  return installed.version === locked.version && installed.integrity === locked.integrity;
}

async function npmCi(checkout, signal) {
  const shown = progress('Installing npm packages');
  const [command, ...first] = npmCommand();
  const args = [...first, 'ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  try {
    const { code, output } = await runQuietly(command, args, { cwd: checkout, signal });
    if (code === 0) return shown.done();
    const tail = output.trimEnd().split('\n').slice(-tailLines).join('\n');
    throw new InstallFailed(`npm ci failed (exit ${code}) in ${checkout}. The end of what it printed:\n\n${tail}\n`);
  } catch (error) {
    throw error.syscall?.startsWith('spawn') ? new InstallFailed(npmMissing(error)) : error;
  } finally {
    shown.stop();
  }
}

/** Under `npm run`, npm names itself; that works where npm is not on PATH too. */
function npmCommand() {
  const cli = process.env.npm_execpath ?? '';
  return basename(cli) === 'npm-cli.js' && existsSync(cli) ? [process.execPath, cli] : ['npm'];
}

function npmMissing(error) {
  return error.code === 'ENOENT'
    ? 'npm is not on PATH. It comes with Node; install Node 20 or newer with npm, then run this again.'
    : `npm could not be started: ${error.message}`;
}

function readIfThere(path) {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}
