/**
 * What gateways last said of the MCP servers that they dial. Lossy by design: it lives in memory, each gateway says it all again every 30 s.
 * Invariant: a gateway is believed of servers that are registered with it alone (whoever asks names both), and cannot fill our memory.
 */
import type { ServerReport, ServerState } from '@portolan/core';
import type { ServerStates } from '../ports.ts';

const MAX_SERVERS = 5_000;
const MAX_REPLICAS = 32;

export class ServerReports implements ServerStates {
  /** Gateway → replica → server. The replica that spoke last is the last one. */
  readonly #gateways = new Map<string, Map<string, Map<string, ServerState>>>();

  /** `gateway` is the one that the subject names; throws an error where the body names another. */
  take(gateway: string, report: ServerReport): void {
    if (report.gateway !== gateway) throw new Error(`gateway ${gateway} sent a report of gateway ${report.gateway}`);
    const replicas = this.#gateways.get(gateway) ?? new Map<string, Map<string, ServerState>>();
    this.#gateways.set(gateway, replicas);
    const states = replicas.get(report.replica) ?? new Map<string, ServerState>();
    replicas.delete(report.replica);
    replicas.set(report.replica, states);
    for (const state of report.servers) {
      states.delete(state.server);
      states.set(state.server, state);
    }
    trim(states, MAX_SERVERS);
    trim(replicas, MAX_REPLICAS);
  }

  of(gateway: string, server: string): ReadonlyMap<string, ServerState> {
    const found = new Map<string, ServerState>();
    for (const [replica, states] of this.#gateways.get(gateway) ?? []) {
      const state = states.get(server);
      if (state) found.set(replica, state);
    }
    return found;
  }
}

/** The oldest go. */
function trim(map: Map<string, unknown>, most: number): void {
  for (const key of map.keys()) {
    if (map.size <= most) return;
    map.delete(key);
  }
}
