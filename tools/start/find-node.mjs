// Node 24: the running one when it is new enough, else the one that npm carries as a platform package (a binary, no
// install script). It installs nothing.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** TypeScript by type stripping, without a flag and without a warning, starts here. */
const neededMajor = 24;

/** The oldest Node that start.mjs itself is written for. */
export const oldestMajor = 20;

/**
 * @param {string} checkout Folder that holds node_modules.
 * @param {{ version: string, execPath: string, platform: string, arch: string }} [running]
 * @returns {string} Path of a Node >= 24.
 * @throws {Error} naming every place looked at and what to install.
 */
export function findNode(checkout, running = runningNode()) {
  if (majorOf(running.version) >= neededMajor) return running.execPath;
  const places = platformPackages(running).map((name) => join(checkout, 'node_modules', name, 'bin', 'node'));
  const found = places.find((path) => existsSync(path) && majorOf(versionOf(path)) >= neededMajor);
  if (found) return found;
  throw new Error(
    [
      `Node ${neededMajor} or newer is needed; this is Node ${running.version}. Looked for it at:`,
      ...places.map((path) => `  ${path}: ${existsSync(path) ? 'does not run, or is older' : 'not there'}`),
      `npm has no package of Node ${neededMajor} for ${running.platform}-${running.arch}, or optional packages were left out.`,
      `Install Node ${neededMajor} (https://nodejs.org) and run this again.`,
    ].join('\n'),
  );
}

/** @param {string} version For example "v24.1.0" or "24.1.0". */
export function majorOf(version) {
  return Number.parseInt(version.replace(/^v/, ''), 10) || 0;
}

function platformPackages({ platform, arch }) {
  return [`node-${platform}-${arch}`, `node-bin-${platform}-${arch}`];
}

function versionOf(path) {
  const answer = spawnSync(path, ['--version'], { encoding: 'utf8', timeout: 10_000 });
  return answer.status === 0 ? answer.stdout.trim() : '';
}

function runningNode() {
  const { version, execPath, platform, arch } = process;
  return { version, execPath, platform, arch };
}
