/** Ends a process and all of its group: asks, waits, kills. Invariant: returns only when none of the group runs. */
import { setTimeout as delay } from 'node:timers/promises';
import { describeProcess } from './process-table.ts';
import { type RunFile, survivors } from './run-file.ts';

const graceMs = 10_000;
const afterKillMs = 5_000;
const pollMs = 25;

/** Nothing to do where it has ended already. Throws when the system will not let it end. */
export async function endProcess(run: RunFile): Promise<void> {
  signalGroup(run, run.spec.stopSignal);
  if (await endsWithin(run, graceMs)) return;
  signalGroup(run, 'SIGKILL');
  if (await endsWithin(run, afterKillMs)) return;
  const left = survivors(run).map(describeProcess).join(', ');
  throw new Error(`Process ${run.name} cannot be ended: ${left} survives SIGKILL. End it by hand and run this again.`);
}

function signalGroup(run: RunFile, signal: NodeJS.Signals): void {
  if (survivors(run).length === 0) return;
  try {
    process.kill(-run.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // ended in between
  }
}

async function endsWithin(run: RunFile, ms: number): Promise<boolean> {
  const deadline = Date.now() + ms;
  while (survivors(run).length > 0) {
    if (Date.now() > deadline) return false;
    await delay(pollMs);
  }
  return true;
}
