// What the commands share: one at a time on a stack, and failures that a person can act on told without a stack trace.

import { join } from 'node:path';
import { PostgresMissing } from '../postgres/index.ts';
import { BadStackName, StackBusy, type StackPlace, stackPlace } from '../stack/index.ts';
import { withLock } from '../start/lock.mjs';
import { ToolMissing } from '../toolchain/index.ts';
import { CommandFailed } from './command-failed.ts';

const forPeople = [CommandFailed, ToolMissing, BadStackName, StackBusy, PostgresMissing];

/** Runs a command with this process's arguments and sets the exit code. */
export async function runCommand(work: (args: readonly string[]) => Promise<void>): Promise<void> {
  try {
    await work(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof Error && forPeople.some((kind) => error instanceof kind))) throw error;
    console.error(error.message);
    process.exitCode = exitCodeOf(error);
  }
}

/** The stack, while no other command changes it. */
export async function holdingStack<T>(name: string, work: (place: StackPlace) => Promise<T>): Promise<T> {
  const place = await stackPlace(name);
  const waiting = (pid: number) => console.error(`Process ${pid} is changing stack ${name}; waiting for it.`);
  return withLock(join(place.checkout, '.portolan', `${name}.lock`), () => work(place), waiting);
}

function exitCodeOf(error: Error): number {
  if (error instanceof CommandFailed) return error.exitCode;
  return error instanceof BadStackName ? 2 : 1;
}
