/**
 * Interleaved rounds: in each round every target gets the same calls, starting with another one each time, so that what
 * the machine does meanwhile hits all alike. CPU is read before the first byte and after the processes have come to
 * rest, so that work put off (audit to disk, to NATS) is in the bill.
 */
import type { Loaded, Order } from './load.ts';
import type { Options } from './options.ts';
import { type Percentiles, percentiles, sum } from './percentiles.ts';
import { atRest, cpuTicks, readTickRate, residentBytes } from './process-account.ts';
import type { Account, Target } from './target.ts';
import type { WorkerProcess } from './worker-process.ts';

/** What one target cost over all rounds. */
export interface Measured {
  readonly name: Target['name'];
  readonly calls: number;
  readonly failed: number;
  readonly firstFailure: string | undefined;
  readonly callsPerSecond: number;
  readonly latencyMs: Percentiles;
  /** CPU seconds per 10,000 calls: of the processes in the way, of each round, and of each process. */
  readonly cpu: number;
  readonly cpuByRound: readonly number[];
  readonly cpuByProcess: Readonly<Record<string, number>>;
  /** Resident bytes of the processes in the way, at the end of the run. */
  readonly residentBytes: Readonly<Record<string, number>>;
}

interface Round {
  readonly loaded: Loaded;
  /** CPU seconds by process name. */
  readonly cpu: Readonly<Record<string, number>>;
}

/** The load, what it is told, and how it is stopped. */
export interface Bench {
  readonly load: WorkerProcess<Order, Loaded>;
  readonly options: Options;
  readonly signal: AbortSignal;
}

/** Warms every target up, then measures; answers in the order given. Rejects when the signal aborts. */
export async function measureInRounds(targets: readonly Target[], bench: Bench): Promise<Measured[]> {
  const { options } = bench;
  const perSecond = readTickRate();
  const rounds = new Map<Target, Round[]>(targets.map((target) => [target, []]));
  for (const target of options.warmup > 0 ? targets : []) {
    say(`warming up: ${target.name}`);
    await call(target, options.warmup, bench);
  }
  for (let round = 0; round < options.rounds; round += 1) {
    for (const target of rotated(targets, round)) {
      say(`round ${round + 1} of ${options.rounds}: ${target.name}`);
      rounds.get(target)?.push(await measureOnce(target, bench, perSecond));
    }
  }
  return targets.map((target) => summarise(target, rounds.get(target) ?? []));
}

const call = (
  { door }: Target,
  calls: number,
  { load, options: { connections, era }, signal }: Bench,
): Promise<Loaded> => load.run({ door, calls, connections, era }, signal);

async function measureOnce(target: Target, bench: Bench, perSecond: number): Promise<Round> {
  const before = await ticksAtRest(target, bench.signal);
  const loaded = await call(target, bench.options.calls, bench);
  const after = await ticksAtRest(target, bench.signal);
  const cpu = Object.entries(after).map(([name, ticks]) => [name, (ticks - (before[name] ?? 0)) / perSecond] as const);
  return { loaded, cpu: Object.fromEntries(cpu) };
}

async function ticksAtRest(target: Target, signal: AbortSignal): Promise<Record<string, number>> {
  await atRest(
    accountsOf(target).flatMap(({ pids }) => pids),
    100,
    signal,
  );
  return readTicks(target);
}

const accountsOf = ({ inTheWay, beside }: Target): readonly Account[] => [...inTheWay, ...beside];

const readTicks = (target: Target): Record<string, number> =>
  Object.fromEntries(accountsOf(target).map(({ name, pids }) => [name, sum(pids.map(cpuTicks))]));

function summarise(target: Target, rounds: readonly Round[]): Measured {
  const calls = sum(rounds.map(({ loaded }) => loaded.latencies.length));
  const names = accountsOf(target).map(({ name }) => name);
  const charged = target.inTheWay.map(({ name }) => name);
  const cost = (round: Round) => sum(charged.map((name) => round.cpu[name] ?? 0));
  const perTenThousand = (seconds: number, of: number) => (of === 0 ? Number.NaN : (seconds / of) * 10_000);
  const byProcess = names.map((name) => [name, perTenThousand(sum(rounds.map(({ cpu }) => cpu[name] ?? 0)), calls)]);
  return {
    name: target.name,
    calls,
    failed: sum(rounds.map(({ loaded }) => loaded.failed)),
    firstFailure: rounds.find(({ loaded }) => loaded.firstFailure !== undefined)?.loaded.firstFailure,
    callsPerSecond: calls / sum(rounds.map(({ loaded }) => loaded.seconds)),
    latencyMs: percentiles(joined(rounds.map(({ loaded }) => loaded.latencies))),
    cpu: perTenThousand(sum(rounds.map(cost)), calls),
    cpuByRound: rounds.map((round) => perTenThousand(cost(round), round.loaded.latencies.length)),
    cpuByProcess: Object.fromEntries(byProcess),
    residentBytes: Object.fromEntries(target.inTheWay.map(({ name, pids }) => [name, sum(pids.map(residentBytes))])),
  };
}

function joined(parts: readonly Float64Array[]): Float64Array {
  const all = new Float64Array(sum(parts.map(({ length }) => length)));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function rotated<T>(items: readonly T[], by: number): T[] {
  const from = by % Math.max(1, items.length);
  return [...items.slice(from), ...items.slice(0, from)];
}

const say = (line: string) => process.stderr.write(`${line}\n`);
