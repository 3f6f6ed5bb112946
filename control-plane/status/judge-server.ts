/**
 * Pure: what the replicas of a gateway said of an MCP server → what its status says. Only replicas that are heard from count, and of them one that
 * cannot reach it decides: every so many calls fail there.
 */
import type { api, ServerState } from '@portolan/core';

type Judged = Omit<api.McpServerStatus, 'name' | 'gateway'>;

const UNKNOWN: Judged = {
  reachable: null,
  era: null,
  eraCheckedAt: null,
  protocolVersions: null,
  serverInfo: null,
  tools: null,
  latencyMs: null,
  checkedAt: null,
  lastError: null,
};

/** `states`: by replica; `speaking`: the replicas that reported lately. */
export function judgeServer(states: ReadonlyMap<string, ServerState>, speaking: ReadonlySet<string>): Judged {
  const counted = [...states].flatMap(([replica, state]) => (speaking.has(replica) ? state : []));
  const [state] = counted.toSorted((a, b) => Number(a.reachable) - Number(b.reachable) || b.checkedAt - a.checkedAt);
  if (!state) return UNKNOWN;
  const { reachable, era, protocolVersions, serverInfo, tools, latencyMs, lastError } = state;
  return {
    reachable,
    era,
    eraCheckedAt: state.eraAt === null ? null : iso(state.eraAt),
    protocolVersions,
    serverInfo,
    tools,
    latencyMs,
    checkedAt: iso(state.checkedAt),
    lastError: lastError && { ...lastError, at: iso(lastError.at) },
  };
}

const iso = (ms: number): string => new Date(ms).toISOString();
