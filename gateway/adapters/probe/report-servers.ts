/**
 * What this replica says of the MCP servers that it dials, over core NATS: of one after each of its probes, of all every 30 s and after each connect.
 * Lossy by design: the next one says it all again.
 */
import { type ServerReport, type ServerState, subjects } from '@portolan/core';
import type { MeshIdentity } from '../../ports.ts';
import type { NatsLink } from '../nats/nats-link.ts';
import { Pause } from '../wait.ts';
import type { ServerProber } from './server-prober.ts';

const EVERY_MS = 30_000;
/** A gateway's NATS permissions bound a message at 256 KiB; one server takes less than 3 KiB. */
const SERVERS_A_MESSAGE = 50;

export interface ReportServersOptions {
  readonly prober: ServerProber;
  readonly link: NatsLink;
  readonly identity: MeshIdentity;
  readonly replica: string;
}

/** Works until `signal` aborts. */
export async function reportServers(options: ReportServersOptions, signal: AbortSignal): Promise<void> {
  const { prober, link } = options;
  const pause = new Pause();
  const stop = prober.onProbed((state) => send(options, [state]));
  link.onConnect(() => pause.wake());
  while (!signal.aborted) {
    const states = prober.states();
    for (let at = 0; at < states.length; at += SERVERS_A_MESSAGE)
      send(options, states.slice(at, at + SERVERS_A_MESSAGE));
    await pause.wait(EVERY_MS, signal);
  }
  stop();
}

function send({ link, identity, replica }: ReportServersOptions, servers: readonly ServerState[]): void {
  const gateway = identity.current()?.gateway;
  if (gateway === undefined) return;
  const report: ServerReport = { gateway, replica, servers: [...servers] };
  link.publish(subjects.servers(gateway), JSON.stringify(report));
}
