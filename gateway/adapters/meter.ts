/**
 * Counters as plain numbers, rendered when somebody asks (Prometheus text exposition format 0.0.4) and reported over NATS.
 * A call costs a few map look-ups. Invariant: the number of series is bounded; what comes beyond is counted under `_other`.
 */
import type { Meter } from '../ports.ts';

const MAX_SERIES = 5000;
// table: upper bounds in ms
const LATENCY_BOUNDS = [1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000];

interface Histogram {
  /** One a bound, and one for all above; not cumulative. */
  readonly counts: number[];
  sum: number;
}

/** A value, or values by label, that are read when asked; `undefined` leaves the line out. Keys are labels as they stand between the braces. */
export interface Reading {
  readonly help: string;
  readonly type: 'gauge' | 'counter';
  readonly read: () => number | ReadonlyMap<string, number> | undefined;
}
/** By metric name. */
export type Readings = Readonly<Record<string, Reading>>;

export class Counters implements Meter {
  /** Of what `render` answers. */
  readonly contentType = 'text/plain; version=0.0.4; charset=utf-8';
  readonly #gateway: () => string;
  readonly #readings: Readings;
  readonly #requests = new Map<string, number>();
  readonly #outcomes = new Map<string, number>();
  readonly #proxied = new Map<string, number>();
  readonly #hopErrors = new Map<string, number>();
  readonly #latency = new Map<string, Histogram>();

  /** `gateway` is asked for at each rendering: before enrolment nobody knows it. */
  constructor(gateway: () => string, readings: Readings) {
    this.#gateway = gateway;
    this.#readings = readings;
  }

  request({ server, user, status }: { readonly server: string; readonly user: string; readonly status: string }): void {
    count(this.#requests, `server="${label(server)}",user="${label(user)}"`, 'server="_other",user="_other"');
    count(this.#outcomes, `status="${label(status)}"`, 'status="_other"');
  }

  proxied(labels: { readonly server: string; readonly from: string; readonly to: string }, latencyMs: number): void {
    const { server, from, to } = labels;
    const key = `server="${label(server)}",from="${label(from)}",to="${label(to)}"`;
    const other = 'server="_other",from="_other",to="_other"';
    count(this.#proxied, key, other);
    observe(this.#latency, this.#latency.has(key) || this.#latency.size < MAX_SERIES ? key : other, latencyMs);
  }

  hopError({ from, to, code }: { readonly from: string; readonly to: string; readonly code: string }): void {
    const key = `from="${label(from)}",to="${label(to)}",code="${label(code)}"`;
    count(this.#hopErrors, key, 'from="_other",to="_other",code="_other"');
  }

  /** Cumulative counters by `name{labels}`; no readings, which say nothing summed over gateways. */
  counters(): Record<string, number> {
    const all: Record<string, number> = {};
    for (const { name, series } of this.#families())
      for (const [labels, value] of series) all[`${name}{${labels}}`] = value;
    for (const [series, value] of this.#latencySeries()) all[series] = value;
    return all;
  }

  /** The body of `GET /metrics`. */
  render(): string {
    const lines = this.#families().flatMap(({ name, help, series }) => [
      `# HELP ${name} ${help}`,
      `# TYPE ${name} counter`,
      ...[...series].map(([labels, value]) => `${name}{${labels}} ${value}`),
    ]);
    lines.push('# HELP mcp_proxy_latency_ms Time of calls that went to another gateway, in milliseconds.');
    lines.push('# TYPE mcp_proxy_latency_ms histogram');
    for (const [series, value] of this.#latencySeries()) lines.push(`${series} ${value}`);
    for (const [name, { help, type, read }] of Object.entries(this.#readings)) {
      const value = read();
      if (value === undefined) continue;
      lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
      if (typeof value === 'number') lines.push(`${name} ${value}`);
      else for (const [labels, one] of value) lines.push(`${name}{${labels}} ${one}`);
    }
    return `${lines.join('\n')}\n`;
  }

  #families(): { readonly name: string; readonly help: string; readonly series: Map<string, number> }[] {
    const gateway = `,gateway="${label(this.#gateway())}"`;
    const own = (series: ReadonlyMap<string, number>): Map<string, number> =>
      new Map([...series].map(([labels, value]) => [`${labels}${gateway}`, value]));
    return [
      {
        name: 'mcp_requests_total',
        help: 'Requests of callers, counted at their entry gateway.',
        series: own(this.#requests),
      },
      { name: 'portolan_outcomes_total', help: 'Requests of callers by outcome.', series: own(this.#outcomes) },
      { name: 'mcp_proxy_requests_total', help: 'Calls sent on to another gateway.', series: this.#proxied },
      {
        name: 'mcp_gateway_to_gateway_errors',
        help: 'Failed exchanges with another gateway.',
        series: this.#hopErrors,
      },
    ];
  }

  #latencySeries(): Map<string, number> {
    const series = new Map<string, number>();
    for (const [labels, { counts, sum }] of this.#latency) {
      let below = 0;
      for (const [at, bound] of [...LATENCY_BOUNDS, '+Inf'].entries()) {
        below += counts[at] ?? 0;
        series.set(`mcp_proxy_latency_ms_bucket{${labels},le="${bound}"}`, below);
      }
      series.set(`mcp_proxy_latency_ms_sum{${labels}}`, sum);
      series.set(`mcp_proxy_latency_ms_count{${labels}}`, below);
    }
    return series;
  }
}

function count(series: Map<string, number>, key: string, other: string): void {
  const known = series.get(key);
  if (known !== undefined) series.set(key, known + 1);
  else if (series.size < MAX_SERIES) series.set(key, 1);
  else series.set(other, (series.get(other) ?? 0) + 1);
}

function observe(series: Map<string, Histogram>, key: string, value: number): void {
  const histogram = series.get(key) ?? { counts: new Array<number>(LATENCY_BOUNDS.length + 1).fill(0), sum: 0 };
  const found = LATENCY_BOUNDS.findIndex((bound) => value <= bound);
  const at = found < 0 ? LATENCY_BOUNDS.length : found;
  histogram.counts[at] = (histogram.counts[at] ?? 0) + 1;
  histogram.sum += value;
  series.set(key, histogram);
}

const SPECIAL = /[\\"\n]/;

/** Escaped as the exposition format demands; names of servers and users never need it. */
function label(text: string): string {
  const short = text.length > 128 ? text.slice(0, 128) : text;
  return SPECIAL.test(short) ? short.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n') : short;
}
