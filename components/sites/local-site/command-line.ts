/** How a workload is started on this machine: program → command line, health → readiness, code → version. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ProcessArgs } from '@portolan/provider';
import type { LocalSitePlan } from './validate.ts';
import type { Program, Workload } from './workload.ts';

const readyWithinSeconds = 60;
/**
 * How much garbage node keeps resident before it collects: MiB a semi-space (V8's default grows past 16), and by how many per cent the rest of the
 * heap may outgrow what lives in it (V8's default doubles and more). +60 MB a gateway after a run of many short requests without them.
 * Of a request next to nothing outlives it, so one thread collects it sooner than several agree on who does, and not before the space is full.
 */
const HEAP = ['--max-semi-space-size=4', '--heap-growing-percent=20', '--no-parallel-scavenge', '--no-minor-gc-task'];
/** glibc gives each thread a heap of its own, which it never gives back: two are enough where one thread does the work. */
const NODE_ENV = { MALLOC_ARENA_MAX: '2' };

/** Arguments of the `Process` that the workload is. */
export function processOf(site: LocalSitePlan, workload: Workload): ProcessArgs {
  const { name, program, args, prepare = [], config, env = {}, ports, health } = workload;
  const { command, before, code, env: own = {} } = programOf(site, program);
  return {
    name,
    command,
    args: [...before, ...args],
    env: { ...own, ...env },
    cwd: site.dir,
    prepare: prepare.map((line) => ({ command, args: [...before, ...line] })),
    files: config ? [{ path: config.path, content: config.content }] : [],
    listens: Object.values(ports),
    readiness: { kind: 'http', url: `http://${health.listen}${health.path}`, timeoutSeconds: readyWithinSeconds },
    ...filesOf(site.dir, name),
    version: hashOf(code),
  };
}

/** Where every process of a site has its log and its run file. */
export function filesOf(dir: string, name: string): { readonly logFile: string; readonly runFile: string } {
  return { logFile: join(dir, 'logs', `${name}.log`), runFile: join(dir, 'run', `${name}.json`) };
}

interface LocalCommand {
  readonly command: string;
  readonly before: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The file whose change means new code. */
  readonly code: string;
}

function programOf(site: LocalSitePlan, program: Program): LocalCommand {
  if (program === 'nats-server') return { command: site.natsServer, before: [], code: site.natsServer };
  const bundle = program === 'gateway' ? site.gatewayBundle : site.controlPlaneBundle;
  return { command: site.node, before: [...HEAP, bundle], env: NODE_ENV, code: bundle };
}

/** SHA-256 of files' contents, cut to 16 hex digits: another one restarts the process. */
export function hashOf(...files: readonly string[]): string {
  const hash = createHash('sha256');
  for (const file of files) hash.update(readFileSync(file));
  return hash.digest('hex').slice(0, 16);
}
