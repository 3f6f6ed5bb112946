// Ctrl-C, and every other way of being asked to end: the work is told by a signal, ends what it started and takes its
// drafts and locks away; then one sentence. Asked a second time, the process ends at once.

import { constants } from 'node:os';

/** @type {readonly NodeJS.Signals[]} */
const requests = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** The reason of the signal; what the work throws once it has tidied up. The message is for the person at the terminal. */
export class Interrupted extends Error {
  /** @param {NodeJS.Signals} signal */
  constructor(signal) {
    super('Interrupted. What is done stays done; running this again goes on from here.');
    /** As a shell tells it: 130 after Ctrl-C. */
    this.exitCode = 128 + constants.signals[signal];
  }
}

/**
 * @template T
 * @param {(signal: AbortSignal) => Promise<T>} work
 * @returns {Promise<T>} Rejects with Interrupted where the work failed after it was asked to end.
 */
export async function interruptible(work) {
  const stop = new AbortController();
  const ask = (signal) => stop.abort(new Interrupted(signal));
  for (const request of requests) process.once(request, ask);
  try {
    return await work(stop.signal);
  } catch (error) {
    throw stop.signal.aborted ? stop.signal.reason : error; // a child that Ctrl-C reached first fails in words of its own
  } finally {
    for (const request of requests) process.off(request, ask);
  }
}
