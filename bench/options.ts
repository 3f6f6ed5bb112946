/** What the command line of the bench may say: one table, defaults and units in it. Refuses what it does not know. */
import { parseArgs } from 'node:util';

export interface Options {
  /** Calls a target answers in one round. */
  readonly calls: number;
  readonly rounds: number;
  /** Calls before the first round that count for nothing: they warm up JIT compilers and connection pools. */
  readonly warmup: number;
  readonly connections: number;
  readonly era: 'modern' | 'legacy';
  /** Registration changes to time; 0 = none. */
  readonly changes: number;
  /** Quiet streams to hold open at once, to weigh them; 0 = none, and no slow reader. */
  readonly streams: number;
  /** A running stack to use; undefined = one of our own, brought up and taken down. */
  readonly stack: string | undefined;
  readonly portBase: number;
  readonly gateways: boolean;
  readonly nginxWorkers: number;
  /** Leave the bench's own stack running. */
  readonly keep: boolean;
  readonly strict: boolean;
  /** Directory of the results file; undefined = bench/results. */
  readonly results: string | undefined;
}

export const usage = `usage: npm run bench -- [options]

  --calls N         calls a round and target (default 10000)
  --rounds N        rounds, targets interleaved (default 5)
  --warmup N        calls that count for nothing, for each target (default 20000)
  --connections N   keep-alive connections (default 64)
  --era NAME        modern (2026-07-28, default) or legacy (2025-11-25, without a session)
  --changes N       registration changes to time (default 200; 0 = none)
  --streams N       quiet streams to weigh (default 5000; 0 = none, and no slow reader)
  --stack NAME      use this running stack; without it, stack "bench" is brought up and taken down
  --port-base N     first port of the bench's own stack (default 19600)
  --nginx-workers N worker processes of nginx (default 1: one event loop, as a gateway replica has)
  --no-gateways     directly and through nginx only
  --keep            do not take the bench's own stack down
  --results DIR     where the JSON goes (default bench/results)
  --strict          exit with 1 when a goal is missed or was not measured
  --help            this text`;

/** Throws an Error that names the argument, what was expected, and what to do. */
export function readOptions(args: readonly string[]): Options | 'help' {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const options = {
    calls: text,
    rounds: text,
    warmup: text,
    connections: text,
    era: text,
    changes: text,
    streams: text,
    stack: text,
  };
  const flags = { 'no-gateways': flag, keep: flag, strict: flag, help: flag };
  const { values } = parseArgs({
    args: [...args],
    options: { ...options, 'port-base': text, 'nginx-workers': text, results: text, ...flags },
  });
  if (values.help) return 'help';
  return {
    calls: whole('calls', values.calls, 10_000, 1),
    rounds: whole('rounds', values.rounds, 5, 1),
    warmup: whole('warmup', values.warmup, 20_000, 0),
    connections: whole('connections', values.connections, 64, 1),
    era: era(values.era ?? 'modern'),
    changes: whole('changes', values.changes, 200, 0),
    streams: whole('streams', values.streams, 5_000, 0),
    stack: values.stack,
    portBase: whole('port-base', values['port-base'], 19_600, 1024),
    nginxWorkers: whole('nginx-workers', values['nginx-workers'], 1, 1),
    gateways: !values['no-gateways'],
    keep: values.keep,
    strict: values.strict,
    results: values.results,
  };
}

function whole(name: string, given: string | undefined, otherwise: number, least: number): number {
  const value = given === undefined ? otherwise : Number(given);
  if (Number.isInteger(value) && value >= least) return value;
  throw new Error(`--${name} ${given}: expected a whole number from ${least}. \`npm run bench -- --help\` lists all.`);
}

function era(given: string): Options['era'] {
  if (given === 'modern' || given === 'legacy') return given;
  throw new Error(`--era ${given}: expected modern or legacy.`);
}
