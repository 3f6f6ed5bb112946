/**
 * The four ways to the upstream, as one list: directly, through nginx, through one gateway, through two. Each names the
 * processes that stand in the way, whose CPU is the price, and those beside it, whose CPU is shown but not charged.
 * A way that cannot be had here becomes a gap with its reason.
 */

import type { Door } from './call.ts';
import type { Changes } from './changes.ts';
import { end, startChild } from './child.ts';
import { joinFederation } from './federation.ts';
import { portWithinReach } from './local-stack.ts';
import { findNginx, type NginxSetting, nginxMissing, startNginx } from './nginx.ts';
import type { Options } from './options.ts';
import { withDescendants } from './process-account.ts';
import type { Streams } from './streams.ts';
import type { Gap, Target } from './target.ts';

export interface Targets extends AsyncDisposable {
  readonly all: readonly Target[];
  readonly gaps: readonly Gap[];
  /** Undefined when there is no federation to change. */
  readonly measureChanges: ((count: number, signal: AbortSignal) => Promise<Changes | undefined>) | undefined;
  readonly measureStreams: ((count: number, signal: AbortSignal) => Promise<Streams | undefined>) | undefined;
  readonly nginxVersion: string | undefined;
}

/** Starts what is needed; `dir` is for scratch files. What was started is ended even when a later part fails, or `signal` aborts. */
export async function startTargets(options: Options, dir: string, signal: AbortSignal): Promise<Targets> {
  await using started = new AsyncDisposableStack();
  const upstream = await startUpstream(started, options.gateways ? await portWithinReach(options) : 0);
  const nginx = await startYardstick(started, { dir, workers: options.nginxWorkers, upstreamPort: upstream.port });
  const federation = await tryFederation(started, { options, upstreamPort: upstream.port, signal });
  const beside = [{ name: 'upstream', pids: [upstream.pid] }];
  const direct: Target = { name: 'direct', door: doorAt(upstream.port), inTheWay: [], beside };
  const all = [direct, ...nginx.targets, ...federation.targets].map((target) =>
    target === direct ? target : { ...target, beside: [...target.beside, ...beside] },
  );
  const ending = started.move();
  return {
    all,
    gaps: [...nginx.gaps, ...federation.gaps],
    measureChanges: federation.measureChanges,
    measureStreams: federation.measureStreams,
    nginxVersion: nginx.version,
    [Symbol.asyncDispose]: () => ending.disposeAsync(),
  };
}

async function startUpstream(started: AsyncDisposableStack, at: number): Promise<{ port: number; pid: number }> {
  const { child, pid, ready } = await startChild<{ port: number }>('./upstream.ts', String(at));
  started.defer(() => end(child));
  return { port: ready.port, pid };
}

async function startYardstick(started: AsyncDisposableStack, setting: Omit<NginxSetting, 'command'>) {
  const found = findNginx();
  if (!found) return { targets: [], gaps: [{ name: 'nginx', why: nginxMissing }], version: undefined };
  const nginx = started.use(await startNginx({ ...setting, command: found.command }));
  const inTheWay = [{ name: 'nginx', pids: withDescendants(nginx.pid) }];
  const target: Target = { name: 'nginx', door: doorAt(nginx.port), inTheWay, beside: [] };
  return { targets: [target], gaps: [], version: found.version };
}

interface Joining {
  readonly options: Options;
  readonly upstreamPort: number;
  readonly signal: AbortSignal;
}

async function tryFederation(started: AsyncDisposableStack, { options, upstreamPort, signal }: Joining) {
  const nothing = { targets: [], measureChanges: undefined, measureStreams: undefined };
  const gap = (why: string) => ({ ...nothing, gaps: [{ name: 'gateways', why }] });
  if (!options.gateways) return gap('left out by --no-gateways');
  try {
    const federation = started.use(await joinFederation(options, upstreamPort, signal));
    const { targets, measureChanges, measureStreams } = federation;
    return { targets, measureChanges, measureStreams, gaps: [] };
  } catch (error) {
    signal.throwIfAborted();
    return gap(error instanceof Error ? error.message : String(error));
  }
}

/** The same bytes for everybody: a bearer token as long as a real one, which only the gateways look at. */
const doorAt = (port: number): Door => ({ host: '127.0.0.1', port, path: '/mcp', token: `ptl_pat_${'0'.repeat(64)}` });
