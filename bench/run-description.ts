/** One run, as it is written to the results file: when, where, with what settings, and what came out. */
import { cpus, release, totalmem } from 'node:os';
import type { Changes } from './changes.ts';
import type { Lists } from './lists.ts';
import type { Measured } from './measure.ts';
import type { Options } from './options.ts';
import type { Streams } from './streams.ts';
import type { Gap } from './target.ts';
import type { Targets } from './targets.ts';

export interface Run {
  /** ISO 8601, UTC. */
  readonly when: string;
  readonly machine: {
    readonly cpus: number;
    readonly model: string;
    readonly memoryBytes: number;
    readonly kernel: string;
  };
  readonly node: string;
  readonly nginx: string | undefined;
  readonly options: Options;
  readonly gaps: readonly Gap[];
  readonly measured: readonly Measured[];
  readonly changes: Changes | undefined;
  readonly streams: Streams | undefined;
  readonly lists: Lists | undefined;
}

/** All that is known of a run besides its numbers. */
export function describeRun(
  options: Options,
  targets: Targets,
): Omit<Run, 'measured' | 'changes' | 'streams' | 'lists'> {
  const [first] = cpus();
  return {
    when: new Date().toISOString(),
    machine: { cpus: cpus().length, model: first?.model ?? 'unknown', memoryBytes: totalmem(), kernel: release() },
    node: process.version,
    nginx: targets.nginxVersion,
    options,
    gaps: targets.gaps,
  };
}
