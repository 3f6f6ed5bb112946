// Versions of programs: what one says of itself, and whether that suffices. A program that does not run has no version.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Tool } from './tools.ts';

const run = promisify(execFile);

/** "x.y.z" as the program at `path` prints it. Throws an Error that says why it could not be asked. */
export async function askVersion(tool: Tool, path: string, env: NodeJS.ProcessEnv): Promise<string> {
  // Pulumi would ask the network whether there is a newer one
  const quiet = { ...env, PULUMI_SKIP_UPDATE_CHECK: 'true' };
  const { stdout } = await run(path, [...tool.versionArgs], { timeout: 20_000, env: quiet });
  const version = /\bv?(\d+\.\d+\.\d+)/.exec(stdout)?.[1];
  if (version === undefined) throw new Error(`it printed no version, but: ${stdout.trim().slice(0, 200)}`);
  return version;
}

/** Same major, and not older in minor than the pinned version: what the pinned one promises, a newer minor keeps. */
export function suffices(version: string, pinned: string): boolean {
  const [major, minor] = numbers(version);
  const [wantedMajor, wantedMinor] = numbers(pinned);
  return major === wantedMajor && minor >= wantedMinor;
}

export function sufficientRange(pinned: string): string {
  const [major, minor] = numbers(pinned);
  return `>= ${major}.${minor}.0 < ${major + 1}.0.0`;
}

function numbers(version: string): [number, number] {
  const [major, minor] = version.split('.').map(Number);
  return [major ?? Number.NaN, minor ?? Number.NaN];
}
