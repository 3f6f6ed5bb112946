/** `Process` as programs write it. What it does is resources/process.ts's. */
import { CustomResource, type CustomResourceOptions, type Input, type Output } from '@pulumi/pulumi';

/** Ready when a GET is answered with 2xx. */
export interface HttpReadiness {
  readonly kind: 'http';
  readonly url: string;
  /** @default 30 */
  readonly timeoutSeconds?: number | undefined;
}

/** Ready when a connection is accepted, or as `protocol` says. */
export interface TcpReadiness {
  readonly kind: 'tcp';
  readonly host: string;
  readonly port: number;
  /** `postgresql`: ready when it takes sessions, not while it recovers. @default 'any' */
  readonly protocol?: 'any' | 'postgresql' | undefined;
  /** @default 30 */
  readonly timeoutSeconds?: number | undefined;
}

export interface Command {
  readonly command: Input<string>;
  readonly args?: Input<readonly Input<string>[]> | undefined;
}

export interface ConfigFile {
  /** Absolute. */
  readonly path: Input<string>;
  /** No secrets: name a file that holds them. */
  readonly content: Input<string>;
  /** Octal digits. @default '0600' */
  readonly mode?: Input<string> | undefined;
}

export interface ProcessArgs {
  /** Of the process, for people. @default the resource's name */
  readonly name?: Input<string> | undefined;
  /** Absolute path, or a name that is looked for on PATH. */
  readonly command: Input<string>;
  readonly args?: Input<readonly Input<string>[]> | undefined;
  /** Its environment beside PATH, HOME, LANG, TZ and TMPDIR. No secrets. @default {} */
  readonly env?: Input<Readonly<Record<string, Input<string>>>> | undefined;
  /** Absolute. */
  readonly cwd: Input<string>;
  /** Idempotent commands, run to their end before each start, one after another. @default [] */
  readonly prepare?: Input<readonly Command[]> | undefined;
  /** Written whole before `prepare`, removed with the process. A change by hand is drift. @default [] */
  readonly files?: Input<readonly ConfigFile[]> | undefined;
  /** `host:port` that must be free before the start. @default [] */
  readonly listens?: Input<readonly Input<string>[]> | undefined;
  readonly readiness: Input<HttpReadiness | TcpReadiness>;
  /** Asks the process group to end; after 10 s it is killed. @default 'SIGTERM' */
  readonly stopSignal?: Input<'SIGTERM' | 'SIGINT' | 'SIGQUIT'> | undefined;
  /** Absolute. stdout and stderr are appended. */
  readonly logFile: Input<string>;
  /** Absolute. Identity of the process: pid, start time, boot id. */
  readonly runFile: Input<string>;
  /** Any text; another one restarts the process: a hash of the code that it runs. @default none */
  readonly version?: Input<string> | undefined;
}

/**
 * A program that runs on this machine, in a session of its own, beyond the life of the engine.
 *
 * Changing anything restarts it in place; nothing replaces it. A process that has died is gone at the next refresh, so
 * that `up` starts exactly that one again.
 */
export class Process extends CustomResource {
  declare readonly name: Output<string>;
  declare readonly runFile: Output<string>;
  declare readonly logFile: Output<string>;

  constructor(name: string, args: ProcessArgs, opts?: CustomResourceOptions) {
    super('portolan:local:Process', name, { ...args, name: args.name ?? name }, opts);
  }
}
