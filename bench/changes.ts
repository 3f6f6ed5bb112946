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
const pollEvery = 4; // ms; the gateways render their metrics for each poll, and must have time to work

/** Makes `count` changes one after the other, with a pause of 20 ms in between. Undefined for 0. */
export async function measureChanges(
  api: ControlPlaneApi,
  local: LocalFile,
  body: { readonly url: string; readonly gateway: string },
  count: number,
): Promise<Changes | undefined> {
  if (count === 0) return undefined;
  const gateways = Object.keys(local.gateways);
  const doors = gateways.map((name) => metricsUrl(local.gateways[name]?.url ?? ''));
  const took: number[] = [];
  for (let change = 0; change < count; change += 1) {
    const path = `/mcp-servers/bench-change-${change >> 1}`;
    const make = change % 2 === 0 ? () => api.put(path, body) : () => api.remove(path);
    took.push(await timeOne(make, doors));
    await wait(20);
  }
  if (count % 2 === 1) await api.remove(`/mcp-servers/bench-change-${count >> 1}`);
  return { count, lost: took.filter((ms) => ms === Infinity).length, gateways, ms: percentiles(took) };
}

async function timeOne(make: () => Promise<unknown>, doors: readonly string[]): Promise<number> {
  const before = await Promise.all(doors.map(revisionAt));
  const began = performance.now();
  const applied = doors.map((door, index) => newerThan(door, before[index] ?? 0, began));
  await make();
  return Math.max(...(await Promise.all(applied)));
}

/** Milliseconds since `began` when the gateway showed a newer revision; Infinity when it lost patience. */
async function newerThan(door: string, before: number, began: number): Promise<number> {
  while (performance.now() - began < patience) {
    if ((await revisionAt(door)) > before) return performance.now() - began;
    await wait(pollEvery);
  }
  return Infinity;
}

async function revisionAt(door: string): Promise<number> {
  const text = await (await fetch(door)).text();
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
