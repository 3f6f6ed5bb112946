// Ctrl-C, and every other way of being asked to end: the work is told by a signal, ends what it started and takes its
// drafts and locks away; then one sentence. Asked a second time, the process ends at once.

import { constants } from 'node:os';

/** @type {readonly NodeJS.Signals[]} */
const requests = ['SIGINT', 'SIGTERM', 'SIGHUP'];
const sameAskingMs = 1_000;

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
 * Tells each time that this process is asked to end. One asking comes more than once where it goes to the whole process
 * group: from there, and from npm and our own parent, who pass it on. So what follows within a second is the same one.
 *
 * @param {(signal: NodeJS.Signals) => void} told
 * @returns {() => void} Ends it.
 */
export function onAsked(told) {
  let last = Number.NEGATIVE_INFINITY;
  /** @param {NodeJS.Signals} signal */
  const heed = (signal) => {
    const now = performance.now();
    if (now - last < sameAskingMs) return;
    last = now;
    told(signal);
  };
  for (const request of requests) process.on(request, heed);
  return () => {
    for (const request of requests) process.off(request, heed);
  };
}

/**
 * @template T
 * @param {(signal: AbortSignal) => Promise<T>} work
 * @returns {Promise<T>} Rejects with Interrupted where the work failed after it was asked to end.
 */
export async function interruptible(work) {
  const stop = new AbortController();
  const release = onAsked((signal) => {
    if (stop.signal.aborted) process.exit(stop.signal.reason.exitCode);
    stop.abort(new Interrupted(signal));
  });
  try {
    const done = await work(stop.signal);
    release();
    return done;
  } catch (error) {
    // not released: the same asking may come again while the process says what it has to say
    if (stop.signal.aborted) throw stop.signal.reason; // a child that Ctrl-C reached first fails in words of its own
    release();
    throw error;
  }
}
