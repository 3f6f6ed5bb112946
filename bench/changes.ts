/**
 * How long a registration change takes to be in force at every gateway: from the moment the request to the control plane
 * is sent until the last gateway's own metrics show a newer snapshot. A change is a server that comes or goes, because
 * that is in every gateway's view. Nothing else may change the registry meanwhile.
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { LocalFile } from '../test/harness/federation.ts';
import type { ControlPlaneApi } from './control-plane-api.ts';
import { type Percentiles, percentiles } from './percentiles.ts';

export interface Changes {
  readonly count: number;
  /** Changes that some gateway had not applied after 10 s. */
  readonly lost: number;
  readonly gateways: readonly string[];
  readonly ms: Percentiles;
}

const patience = 10_000; // ms
const pollEvery = 10; // ms, and the resolution of what is measured; the gateways render their metrics for each poll
const rest = 20; // ms between two changes

export interface Changing {
  /** Of the server that comes and goes. */
  readonly body: { readonly url: string; readonly gateway: string };
  readonly count: number;
  readonly signal: AbortSignal;
}

/**
 * Makes `count` changes one after the other. Undefined for 0. Rejects at once when `signal` aborts; either way no server
 * of its own stays registered.
 */
export async function measureChanges(
  api: ControlPlaneApi,
  local: LocalFile,
  { body, count, signal }: Changing,
): Promise<Changes | undefined> {
  if (count === 0) return undefined;
  const gateways = Object.keys(local.gateways);
  const doors = gateways.map((name) => metricsUrl(local.gateways[name]?.url ?? ''));
  const took: number[] = [];
  let there: string | undefined;
  try {
    for (let change = 0; change < count; change += 1) {
      const path = `/mcp-servers/bench-change-${change >> 1}`;
      const coming = change % 2 === 0;
      if (coming) there = path;
      took.push(await timeOne(() => (coming ? api.put(path, body) : api.remove(path)), doors, signal));
      if (!coming) there = undefined;
      await wait(rest, undefined, { signal });
    }
  } finally {
    if (there !== undefined) await removeIfThere(api, there);
  }
  return { count, lost: took.filter((ms) => ms === Infinity).length, gateways, ms: percentiles(took) };
}

/** An abort may come before or after the registry has done what it was told. */
const removeIfThere = (api: ControlPlaneApi, path: string): Promise<unknown> =>
  api.remove(path).catch((error: Error) => {
    if (!error.message.includes(': 404 ')) throw error;
  });

async function timeOne(make: () => Promise<unknown>, doors: readonly string[], signal: AbortSignal): Promise<number> {
  const before = await Promise.all(doors.map((door) => revisionAt(door, signal)));
  const began = performance.now();
  const applied = Promise.all(doors.map((door, index) => newerThan(door, before[index] ?? 0, { began, signal })));
  const made = make();
  try {
    await Promise.all([made, applied]);
  } finally {
    await made.catch(() => {}); // what is tidied up after an abort must not be overtaken by it
  }
  return Math.max(...(await applied));
}

/** Milliseconds since `began` when the gateway showed a newer revision; Infinity when it lost patience. */
async function newerThan(
  door: string,
  before: number,
  { began, signal }: { readonly began: number; readonly signal: AbortSignal },
): Promise<number> {
  while (performance.now() - began < patience) {
    if ((await revisionAt(door, signal)) > before) return performance.now() - began;
    await wait(pollEvery, undefined, { signal });
  }
  return Infinity;
}

async function revisionAt(door: string, signal: AbortSignal): Promise<number> {
  const text = await (await fetch(door, { signal })).text();
  const revision = /^portolan_snapshot_revision(?:\{[^}]*\})? (\S+)$/m.exec(text)?.[1];
  if (revision === undefined) throw new Error(`${door} shows no portolan_snapshot_revision`);
  return Number(revision);
}

/** A local gateway's metrics listen two ports above its loopback door (docs/architecture.md, "Local stack"). */
function metricsUrl(doorUrl: string): string {
  const url = new URL('/metrics', doorUrl);
  url.port = String(Number(url.port) + 2);
  return url.href;
}
