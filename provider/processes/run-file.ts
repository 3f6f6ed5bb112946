/**
 * The run file: which process is ours. Pid, start time and boot id together name one process for ever; the specification
 * beside them lets it be started again without the engine. Written whole or not at all, mode 0600.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { bootId, type RunningProcess, runningProcess, sessionGroup } from './process-table.ts';
import { ProcessSpec } from './spec.ts';

const RunFile = z.object({
  name: z.string(),
  pid: z.int().min(2),
  startTime: z.string(),
  bootId: z.string(),
  logFile: z.string(),
  spec: ProcessSpec,
});
export type RunFile = z.output<typeof RunFile>;

/** undefined: there is none, or what is there was not written by us. */
export function readRunFile(path: string): RunFile | undefined {
  try {
    return RunFile.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return undefined;
  }
}

/** Synchronous: between the start of a process and this file nothing else may happen. */
export function writeRunFile(started: RunningProcess, spec: ProcessSpec): RunFile {
  const { name, logFile, runFile } = spec;
  const content: RunFile = { name, pid: started.pid, startTime: started.startTime, bootId: bootId(), logFile, spec };
  writeWhole(runFile, `${JSON.stringify(content, null, 2)}\n`, 0o600);
  return content;
}

export function removeRunFile(path: string): void {
  rmSync(path, { force: true });
}

export function isAlive(run: RunFile): boolean {
  const leader = runningProcess(run.pid);
  return run.bootId === bootId() && leader?.startTime === run.startTime && !leader.isEnding;
}

/**
 * Pids of the process's group that have not ended. Its leader may be dead already; but where its pid belongs to another
 * process by now, the whole group is gone: a pid is not given away while a group bears it.
 */
export function survivors(run: RunFile): number[] {
  if (run.bootId !== bootId()) return [];
  const leader = runningProcess(run.pid);
  if (leader && leader.startTime !== run.startTime) return [];
  return sessionGroup(run.pid).map(({ pid }) => pid);
}

/** Replaces a file in one step, so that nobody ever reads half of it. Makes its folder (0700). */
export function writeWhole(path: string, content: string, mode: number): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${process.pid}.draft`;
  rmSync(draft, { force: true });
  writeFileSync(draft, content, { mode, flag: 'wx' });
  renameSync(draft, path);
}
