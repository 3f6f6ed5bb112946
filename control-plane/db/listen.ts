/**
 * LISTEN on one channel over a connection of its own, for as long as the signal lasts.
 * Invariant: `onNotify` is also called after every (re)connect, because what was notified in between is lost.
 */
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { clientOptions, type DatabaseAddress } from './connect.ts';

const PAUSE_MS = 500;

export interface Listening {
  readonly address: DatabaseAddress;
  readonly channel: string;
  readonly signal: AbortSignal;
  readonly onNotify: () => void;
  /** PostgreSQL went away, or is not there yet; we try again. */
  readonly onAway: (error: Error) => void;
}

/** Resolves when the signal is aborted; never rejects. */
export async function listen(listening: Listening): Promise<void> {
  while (!listening.signal.aborted) {
    await listenOnce(listening).catch((error: Error) => {
      if (!listening.signal.aborted) listening.onAway(error);
    });
    await wait(PAUSE_MS, undefined, { signal: listening.signal }).catch(() => {});
  }
}

async function listenOnce({ address, channel, signal, onNotify }: Listening): Promise<void> {
  const client = new pg.Client(clientOptions(address));
  const over = Promise.withResolvers<void>();
  client.on('error', over.reject);
  client.on('end', over.resolve);
  client.on('notification', onNotify);
  const stop = (): void => over.resolve();
  signal.addEventListener('abort', stop, { once: true });
  try {
    await client.connect();
    await client.query(`LISTEN ${client.escapeIdentifier(channel)}`);
    onNotify();
    await over.promise;
  } finally {
    signal.removeEventListener('abort', stop);
    over.promise.catch(() => {}); // it may reject after connect did
    await client.end().catch(() => {});
  }
}
