/**
 * What a process of this machine is made of: what to run, what to write and run before, how to see that it is ready.
 * It goes into Pulumi's state and into the run file as it is, so it holds no secret.
 */
import { isAbsolute } from 'node:path';
import { z } from 'zod';

const AbsolutePath = z.string().refine(isAbsolute, 'expected an absolute path');
const Program = z.string().min(1);
const Seconds = z.number().positive().max(600);
const Port = z.int().min(1).max(65_535);

/** `127.0.0.1:18410`, `[::1]:18410` */
export const HostPort = z.string().refine(isHostPort, 'expected host:port, as in 127.0.0.1:8443');

const Command = z.strictObject({ command: Program, args: z.array(z.string()).default([]) });

const ConfigFile = z.strictObject({
  path: AbsolutePath,
  content: z.string(),
  /** Octal digits. */
  mode: z
    .string()
    .regex(/^0?[0-7]{3}$/, 'expected three octal digits, as in "0600"')
    .default('0600'),
});

const Readiness = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('http'),
    /** Ready when a GET is answered with 2xx. */
    url: z.url({ protocol: /^http$/ }),
    timeoutSeconds: Seconds.default(30),
  }),
  z.strictObject({
    kind: z.literal('tcp'),
    host: z.string().min(1),
    port: Port,
    /** What is spoken there: a PostgreSQL that recovers from a crash accepts connections and refuses every session. */
    protocol: z.enum(['any', 'postgresql']).default('any'),
    timeoutSeconds: Seconds.default(30),
  }),
]);
export type Readiness = z.output<typeof Readiness>;

export const ProcessSpec = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'expected 1–63 of a-z, 0-9 and -'),
  command: Program,
  args: z.array(z.string()).default([]),
  /** Its whole environment, beside PATH, HOME, LANG, TZ and TMPDIR. */
  env: z.record(z.string().regex(/^[A-Za-z_]\w*$/, 'expected the name of a variable'), z.string()).default({}),
  cwd: AbsolutePath,
  /** Idempotent; run to their end, one after another, before each start. */
  prepare: z.array(Command).default([]),
  /** Written whole before `prepare`. */
  files: z.array(ConfigFile).default([]),
  /** host:port that must be free before the start. */
  listens: z.array(HostPort).default([]),
  readiness: Readiness,
  /** Asks the group to end; after 10 s it is killed. */
  stopSignal: z.enum(['SIGTERM', 'SIGINT', 'SIGQUIT']).default('SIGTERM'),
  logFile: AbsolutePath,
  runFile: AbsolutePath,
  /** Any text; another one restarts the process: a hash of the code that it runs. */
  version: z.string().optional(),
});
export type ProcessSpec = z.output<typeof ProcessSpec>;

/** Splits what `HostPort` accepts. */
export function splitHostPort(text: string): { readonly host: string; readonly port: number } {
  const at = text.lastIndexOf(':');
  return { host: text.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(text.slice(at + 1)) };
}

function isHostPort(text: string): boolean {
  const match = /^(?:\[[0-9a-fA-F:]+\]|[^\s/:[\]]+):(\d{1,5})$/.exec(text);
  return match !== null && Port.safeParse(Number(match[1])).success;
}
