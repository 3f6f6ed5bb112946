/**
 * The orderly end of a gateway: no new connections first, idle ones cut last, because a request may already be on its way on one of them.
 * Streams that nobody would end are ended at once, calls get their time. The caller has failed readiness before.
 */
import type { Listener } from './ports.ts';
import type { GatewayServer } from './server.ts';

export interface DrainBounds {
  /** How long calls may go on, ms. */
  readonly callsMs: number;
  /** How long a kept connection may bring one more request, ms; it is told to close then. Default 500. */
  readonly idleMs?: number;
}

/** Resolves when every connection has ended. */
export async function drain(server: GatewayServer, listeners: readonly Listener[], bounds: DrainBounds): Promise<void> {
  server.beginDrain();
  const closed = Promise.all(listeners.map((listener) => listener.stop()));
  server.endFlights('open-ended');
  await Promise.race([landed(server), after(bounds.callsMs)]);
  server.endFlights('everything');
  await Promise.race([closed, after(bounds.idleMs ?? 500)]);
  for (const listener of listeners) listener.closeIdle();
  await Promise.race([closed, after(LAST_BYTES_MS)]);
  for (const listener of listeners) listener.closeAll();
  await closed;
}

/** For replies of flights that were ended to leave the socket. */
const LAST_BYTES_MS = 1_000;
const POLL_MS = 20;

async function landed(server: GatewayServer): Promise<void> {
  while (server.flights.size > 0) await after(POLL_MS);
}

const after = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms).unref());
