/**
 * The counters that gateways report, kept so that they only ever rise, and written for Prometheus: as each gateway's own, and summed.
 * Lossy by design: they live in memory, gateways report totals every 10 s, and a restart of ours looks to Prometheus like one of theirs.
 * Invariant: what a gateway says is believed about itself alone: its `gateway` label is ours, from the subject, whatever it wrote.
 */
import { z } from 'zod';
import { parseSeries, seriesText } from './series.ts';

/** Body of `rpc.<gateway>.metrics`. Keys are `<name>{<labels>}` in Prometheus' text form; values are totals since the replica's start. */
export const MetricsReport = z.object({
  replica: z.string().min(1).max(128),
  counters: z.record(z.string().max(1_000), z.number().min(0)),
});
export type MetricsReport = z.infer<typeof MetricsReport>;

/** `total` over restarts of the replica, and what it said last. */
interface Counter {
  readonly total: number;
  readonly last: number;
}

/** Series of one replica; more are dropped and counted, so that a gateway cannot fill our memory. */
const MAX_SERIES = 20_000;
/** Of one gateway. Pods come and go with new names: beyond it, the one silent for longest is kept as a part of the sum alone. */
const MAX_REPLICAS = 100;
/** No replica's name is empty. */
const GONE = '';

export class FederationCounters {
  readonly #gateways = new Map<string, Map<string, Map<string, Counter>>>();
  #dropped = 0;

  /** Takes a report in. A value below the last one means that the replica has started anew. */
  report(gateway: string, { replica, counters }: MetricsReport): void {
    const replicas = entry(this.#gateways, gateway);
    const series = entry(replicas, replica);
    replicas.delete(replica);
    replicas.set(replica, series); // who spoke last is last
    for (const [key, value] of Object.entries(counters)) this.#count(series, key, value);
    if (replicas.size > MAX_REPLICAS) this.#sumUp(replicas);
  }

  /** Should it speak again after all, it counts from where it was last heard: as a whole once more, never less. */
  #sumUp(replicas: Map<string, Map<string, Counter>>): void {
    const [oldest = GONE] = [...replicas.keys()].filter((replica) => replica !== GONE);
    const gone = entry(replicas, GONE);
    for (const [key, { total }] of replicas.get(oldest) ?? [])
      this.#count(gone, key, (gone.get(key)?.total ?? 0) + total);
    replicas.delete(oldest);
  }

  #count(series: Map<string, Counter>, key: string, value: number): void {
    const known = series.get(key);
    if (!known && (series.size >= MAX_SERIES || parseSeries(key) === undefined)) {
      this.#dropped += 1;
      return;
    }
    const { total, last } = known ?? { total: 0, last: 0 };
    series.set(key, { total: total + (value >= last ? value - last : value), last: value });
  }

  /** Prometheus text: `<name>{…,gateway="…"}` for each gateway, `federation:<name>{…}` for the sum over all. */
  render(): string {
    const own = new Map<string, number>();
    const sums = new Map<string, number>();
    for (const [gateway, replicas] of this.#gateways)
      for (const [key, value] of totals(replicas.values())) {
        const series = parseSeries(key);
        if (!series) continue;
        const labels = new Map(series.labels);
        labels.delete('gateway');
        add(sums, seriesText({ name: `federation:${series.name}`, labels }), value);
        add(own, seriesText({ name: series.name, labels: labels.set('gateway', gateway) }), value);
      }
    return [
      ...lines(own),
      ...lines(sums),
      '# TYPE portolan_reported_series_dropped_total counter',
      `portolan_reported_series_dropped_total ${this.#dropped}`,
      '',
    ].join('\n');
  }
}

function* totals(replicas: Iterable<ReadonlyMap<string, Counter>>): Generator<readonly [string, number]> {
  for (const series of replicas) for (const [key, { total }] of series) yield [key, total];
}

function add(sums: Map<string, number>, key: string, value: number): void {
  sums.set(key, (sums.get(key) ?? 0) + value);
}

function entry<V>(map: Map<string, Map<string, V>>, key: string): Map<string, V> {
  const there = map.get(key) ?? new Map<string, V>();
  map.set(key, there);
  return there;
}

const FAMILY = /_(bucket|sum|count)$/;

/** One TYPE line a family: Prometheus wants a family's samples together, and its buckets below one name. */
function* lines(samples: ReadonlyMap<string, number>): Generator<string> {
  const names = new Set([...samples.keys()].map(nameOf));
  const histograms = new Set(
    [...names].filter((name) => name.endsWith('_bucket')).map((name) => name.replace(FAMILY, '')),
  );
  const familyOf = (key: string): string => {
    const stem = nameOf(key).replace(FAMILY, '');
    return histograms.has(stem) ? stem : nameOf(key);
  };
  const families = Map.groupBy(samples, ([key]) => familyOf(key));
  for (const [family, all] of families) {
    yield `# TYPE ${family} ${histograms.has(family) ? 'histogram' : 'counter'}`;
    for (const [key, value] of all) yield `${key} ${value}`;
  }
}

const nameOf = (key: string): string => key.split('{', 1)[0] ?? key;
