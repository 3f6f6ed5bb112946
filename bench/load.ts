/**
 * The load as a process of its own (fork): `connections` callers in a closed loop against one door, over plain sockets.
 * Takes `{door, calls, connections, era}`, answers `Loaded`. It is apart so that its CPU is in nobody's account.
 */
import type { Door } from './call.ts';
import { KeepAliveCaller, type Tally } from './keep-alive-caller.ts';
import type { Options } from './options.ts';
import { takeOrders } from './worker-process.ts';

export interface Order {
  readonly door: Door;
  readonly calls: number;
  readonly connections: number;
  readonly era: Options['era'];
}

export interface Loaded {
  readonly latencies: Float64Array;
  readonly failed: number;
  readonly firstFailure: string | undefined;
  /** Wall-clock seconds from the first call to the last answer. */
  readonly seconds: number;
}

/** Runs one order to its end. */
export async function load({ door, calls, connections, era }: Order): Promise<Loaded> {
  const tally: Tally = { left: calls, done: 0, failed: 0, firstFailure: undefined, latencies: new Float64Array(calls) };
  const began = performance.now();
  const callers = Array.from({ length: connections }, (_, n) => new KeepAliveCaller(door, era, 1000 + n, tally));
  await Promise.all(callers.map((caller) => caller.callUntilDone()));
  const seconds = (performance.now() - began) / 1000;
  return {
    latencies: tally.latencies.slice(0, tally.done),
    failed: tally.failed + tally.left, // calls that nobody was left to make have failed too
    firstFailure: tally.firstFailure,
    seconds,
  };
}

if (import.meta.main) takeOrders(load);
