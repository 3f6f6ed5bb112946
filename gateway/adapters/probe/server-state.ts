/**
 * What is known of an MCP server after a probe, from what was known before. Pure. What a server says of itself is cut and cleaned here.
 * Invariant: a probe that decided no era leaves the one before with its date; none that did is older than its date says.
 */
import { publicCode, publicSentence, type ServerState } from '@portolan/core';
import type { Probed } from './probe-server.ts';

const VERSION = /^[\w.-]{1,32}$/;

/** `at`: ms since epoch. */
export function afterProbe(server: string, before: ServerState | undefined, probed: Probed, at: number): ServerState {
  const { reachable, latencyMs = null } = probed;
  const lastError = probed.fault
    ? { code: publicCode(probed.fault.code), message: publicSentence(probed.fault).slice(0, 500), at }
    : (before?.lastError ?? null);
  return { ...known(before, probed, at), server, reachable, latencyMs, checkedAt: at, lastError };
}

type Known = Pick<ServerState, 'era' | 'eraAt' | 'protocolVersions' | 'serverInfo' | 'tools'>;
const UNKNOWN: Known = { era: null, eraAt: null, protocolVersions: [], serverInfo: null, tools: null };

function known(before: ServerState | undefined, probed: Probed, at: number): Known {
  const { era, versions, self, tools = null } = probed;
  if (era === undefined) return before ?? UNKNOWN;
  // the modern half has been asked alone, and the other not been denied
  const still = era === 'modern' && !probed.askedLegacy && before?.era === 'dual';
  const legacy = still ? before.protocolVersions.filter((version) => !versions.includes(version)) : [];
  const protocolVersions = [...versions.filter((version) => VERSION.test(version)), ...legacy].slice(0, 16);
  return { era: still ? 'dual' : era, eraAt: at, protocolVersions, serverInfo: cleaned(self?.serverInfo), tools };
}

function cleaned(info: { readonly name: string; readonly version: string } | undefined): ServerState['serverInfo'] {
  return info ? { name: text(info.name), version: text(info.version) } : null;
}

/** Without control characters, which a terminal would obey. */
const text = (raw: string): string => raw.slice(0, 400).replace(/\p{C}/gu, '').slice(0, 100);
