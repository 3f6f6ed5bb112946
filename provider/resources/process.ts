/**
 * `Process`: a program that runs on this machine beyond the life of the engine. What is running is what its run file
 * says; a dead process is a resource that is gone, so that `up` makes exactly that one anew. It is never replaced.
 */
import { readFileSync, rmSync } from 'node:fs';
import { define, type Found } from '../kind.ts';
import { endProcess, isAlive, ProcessSpec, readRunFile, removeRunFile, startProcess } from '../processes/index.ts';

export const processKind = define<ProcessSpec>({
  type: 'portolan:local:Process',
  schema: ProcessSpec,
  replaceOn: [],
  computes: [],
  refusesSecrets: true,
  idOf: ({ name }) => name,
  create: async (spec, { signal }) => {
    await startProcess(spec, signal);
    return {};
  },
  read: async ({ inputs }) => readProcess(inputs.runFile),
  update: async (olds, news, { signal }) => {
    await remove(olds);
    await startProcess(news, signal);
    return {};
  },
  remove,
});

/** As it was started, with its files as they are now: a file changed by hand is drift. */
function readProcess(runFile: string): Found<ProcessSpec> | undefined {
  const run = readRunFile(runFile);
  if (!run || !isAlive(run)) return undefined;
  const files = run.spec.files.map((file) => ({ ...file, content: contentOf(file.path) }));
  return { inputs: { ...run.spec, files }, computed: {} };
}

async function remove(spec: ProcessSpec): Promise<void> {
  const run = readRunFile(spec.runFile);
  if (run) await endProcess(run);
  for (const { path } of [...spec.files, ...(run?.spec.files ?? [])]) rmSync(path, { force: true });
  removeRunFile(spec.runFile);
}

function contentOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
