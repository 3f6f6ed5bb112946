// What the commands share: one at a time on a stack, and failures that a person can act on told without a stack trace.

import { join } from 'node:path';
import { PostgresMissing } from '../postgres/index.ts';
import { StackBusy, type StackPlace, stackPlace } from '../stack/index.ts';
import { Interrupted, interruptible } from '../start/interrupt.mjs';
import { withLock } from '../start/lock.mjs';
import { BadOptions, type Given, readOptions } from '../start/options.mjs';
import { ToolMissing } from '../toolchain/index.ts';
import { CommandFailed } from './command-failed.ts';

const forPeople = [CommandFailed, ToolMissing, BadOptions, StackBusy, PostgresMissing, Interrupted];

/**
 * Runs a command with this process's arguments and sets the exit code.
 *
 * @param work What waits or starts something ends with the signal, and tidies up.
 */
export async function runCommand(
  name: string,
  work: (given: Given, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  try {
    const given = readOptions(name, process.argv.slice(2));
    await interruptible((signal) => work(given, signal));
  } catch (error) {
    if (!(error instanceof Error && forPeople.some((kind) => error instanceof kind))) throw error;
    console.error(error.message);
    process.exitCode = 'exitCode' in error ? Number(error.exitCode) : 1;
  }
}

/** The stack, while no other command changes it. */
export async function holdingStack<T>(
  name: string,
  signal: AbortSignal,
  work: (place: StackPlace) => Promise<T>,
): Promise<T> {
  const place = await stackPlace(name);
  const waiting = (pid: number) => console.error(`Process ${pid} is changing stack ${name}; waiting for it.`);
  return withLock(join(place.checkout, '.portolan', `${name}.lock`), () => work(place), waiting, signal);
}
