/**
 * The orderly end of a gateway. Readiness has failed before: until whoever balances has noticed, it serves as ever, but each answer ends its connection.
 * Then it takes no new connections; streams that nobody would end are ended, and come back to another replica; calls get their time. Idle connections
 * are cut last, because a request may already be on its way on one of them.
 */
import type { Listener } from './ports.ts';
import type { GatewayServer } from './server.ts';

export interface DrainBounds {
  /** How long balancers may take to notice, ms. Default 0: there are none. */
  readonly noticeMs?: number;
  /** How long calls may go on, ms. */
  readonly callsMs: number;
  /** How long a kept connection may bring one more request, ms; it is told to close then. Default 500. */
  readonly idleMs?: number;
}

/** Resolves when every connection has ended. */
export async function drain(server: GatewayServer, listeners: readonly Listener[], bounds: DrainBounds): Promise<void> {
  server.beginDrain();
  if (bounds.noticeMs) await after(bounds.noticeMs);
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
