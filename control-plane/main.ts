/**
 * `control-plane <command> --config <file>`: reads the command line, runs what was asked for, and turns signals and failures into an exit.
 * The only file here that ends the process.
 */
import { parseArgs } from 'node:util';
import type { Logger } from 'pino';
import { type Config, readConfig } from './config.ts';
import { init } from './init/index.ts';
import { birth } from './kubernetes/index.ts';
import { makeLog } from './log.ts';
import { type AgentSettings, readNatsAgentConfig, runBeside, runOnce } from './nats-agent/index.ts';
import { serve } from './serve.ts';
import { VERSION } from './version.ts';

const USAGE = `Portolan control plane ${VERSION}

  control-plane birth --config <file>   in Kubernetes: makes the Secrets that the configuration names and that are not there.
  control-plane init  --config <file>   migrates the database and writes what is missing: keys, certificates,
                                        nats.conf, admin token. Run it before the first start; again it changes nothing.
  control-plane serve --config <file>   runs until SIGTERM or SIGINT.
  control-plane nats-agent [--once] --config <file>
                                        beside a NATS server: writes its configuration, certificate and keys, and renews
                                        them until SIGTERM or SIGINT. --once: writes them and ends.
  control-plane --help | --version

The file is YAML with "controlPlane:", for nats-agent "natsAgent:" (docs/configuration.md). Environment: DATABASE_URL (without a password), PGPASSFILE.
`;

/** After a signal: open requests, then the rest; whatever hangs longer is cut off (ms). */
const STOP_WITHIN_MS = 10_000;

const COMMANDS = ['birth', 'init', 'serve', 'nats-agent'] as const;
type Command = (typeof COMMANDS)[number];

interface Asked {
  readonly command: Command;
  readonly config: string;
  /** Of nats-agent alone. */
  readonly once: boolean;
}

/** Pure: what the command line asks for; a text is printed instead. Throws an error with the usage. */
export function readArguments(args: readonly string[]): Asked | string {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      config: { type: 'string' },
      once: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
      version: { type: 'boolean' },
    },
  });
  if (values.help) return USAGE;
  if (values.version) return `${VERSION}\n`;
  const [asked, ...more] = positionals;
  const command = COMMANDS.find((known) => known === asked);
  if (command === undefined || more.length > 0)
    throw new Error(`expected one of the commands ${COMMANDS.join(', ')}\n\n${USAGE}`);
  if (values.config === undefined) throw new Error(`expected --config <file>\n\n${USAGE}`);
  const { config, once = false } = values;
  if (once && command !== 'nats-agent') throw new Error(`--once belongs to nats-agent\n\n${USAGE}`);
  return { command, config, once };
}

async function main(): Promise<void> {
  const asked = readArguments(process.argv.slice(2));
  if (typeof asked === 'string') process.stdout.write(asked);
  else await run(asked);
}

async function run({ command, config, once }: Asked): Promise<void> {
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  if (command === 'nats-agent') return runAgent(config, once);
  const read = await readConfig(config);
  if (command === 'birth') return birth(read, say);
  if (command === 'init') return init(read, say);
  return runServe(read);
}

async function runAgent(path: string, once: boolean): Promise<void> {
  const config = await readNatsAgentConfig(path);
  const log = makeLog();
  const settings: AgentSettings = {
    config,
    signal: stopSignal(log),
    say: (line) => log.info(line),
    onTrouble: (doing, err) => log.warn({ err }, `cannot ${doing}; trying again`),
  };
  await (once ? runOnce(settings) : runBeside(settings));
}

async function runServe(config: Config): Promise<void> {
  const log = makeLog();
  process.on('uncaughtException', (error: NodeJS.ErrnoException, origin) => {
    if (origin !== 'uncaughtException' || !isLateWrite(error)) return endOf(error, log);
    log.warn({ err: error }, 'a write to a connection that has ended; nothing is lost');
  });
  const stopped = stopSignal(log);
  const running = await serve(config, log, stopped);
  if (!stopped.aborted) await new Promise((resolve) => stopped.addEventListener('abort', resolve, { once: true }));
  await running.stop();
  log.info('stopped');
}

/** The NATS client (3.4.0) has no listener left for a write in the very turn in which the server hung up. */
function isLateWrite({ code }: NodeJS.ErrnoException): boolean {
  return code === 'ERR_STREAM_WRITE_AFTER_END' || code === 'EPIPE' || code === 'ECONNRESET';
}

function endOf(error: Error, log: Logger): void {
  log.fatal({ err: error }, 'uncaught exception');
  process.exit(70);
}

/** Aborted by the first SIGTERM or SIGINT. From then on the process ends within ten seconds, come what may. */
function stopSignal(log: Logger): AbortSignal {
  const stop = new AbortController();
  const onSignal = (signal: NodeJS.Signals): void => {
    if (stop.signal.aborted) return;
    log.info({ signal }, 'stopping');
    setTimeout(() => process.exit(1), STOP_WITHIN_MS).unref();
    stop.abort();
  };
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
  return stop.signal;
}

/** An error and what caused it, one line each: a person reads this. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const message = error instanceof AggregateError ? error.errors.map(explain).join('; ') : error.message;
  return error.cause === undefined || message.includes(explain(error.cause))
    ? message
    : `${message}\n  because: ${explain(error.cause)}`;
}

if (import.meta.main)
  main().catch((error: unknown) => {
    process.stderr.write(`control-plane: ${explain(error)}\n`);
    process.exitCode = 1;
  });
