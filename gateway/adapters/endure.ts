/** Work beside the calls that a fault of ours must not end: it is logged and the work begun again. Calls go on meanwhile. */
import type { Log } from '../ports.ts';
import { Pause } from './wait.ts';

/** Goes on until the signal aborts. */
export type Work = (until: AbortSignal) => Promise<void>;

const AGAIN_MS = 1000;

export async function endure(work: Work, until: AbortSignal, log: Log): Promise<void> {
  while (!until.aborted) {
    try {
      await work(until);
    } catch (error) {
      log.error({ err: error, alarm: 'fault' }, 'work beside the calls failed and is begun again');
      await new Pause().wait(AGAIN_MS, until);
    }
  }
}
