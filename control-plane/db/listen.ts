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
  /** PostgreSQL went away, or is not there yet; told once, then again only after it was back. */
  readonly onAway: (error: Error) => void;
}

/** Resolves when the signal is aborted; never rejects. */
export async function listen(listening: Listening): Promise<void> {
  let told = false;
  const back = (): void => {
    told = false;
    listening.onNotify();
  };
  while (!listening.signal.aborted) {
    await listenOnce(listening, back).catch((error: Error) => {
      if (!told && !listening.signal.aborted) listening.onAway(error);
      told = true;
    });
    await wait(PAUSE_MS, undefined, { signal: listening.signal }).catch(() => {});
  }
}

async function listenOnce({ address, channel, signal, onNotify }: Listening, onBack: () => void): Promise<void> {
  const client = new pg.Client(clientOptions(address));
  const over = Promise.withResolvers<void>();
  over.promise.catch(() => {}); // connect may reject first, with the same error
  client.on('error', over.reject);
  client.on('end', over.resolve);
  client.on('notification', onNotify);
  const stop = (): void => over.resolve();
  signal.addEventListener('abort', stop, { once: true });
  try {
    await client.connect();
    await client.query(`LISTEN ${client.escapeIdentifier(channel)}`);
    onBack();
    await over.promise;
  } finally {
    signal.removeEventListener('abort', stop);
    await client.end().catch(() => {});
  }
}
