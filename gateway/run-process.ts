/**
 * What makes a program a well-behaved process: settings refused in words, SIGTERM and SIGINT drain, a second one ends at once, every end has
 * its exit code. Knows nothing of gateways; main.ts says what is started.
 */
import { type Config, ConfigError, readCommandLine } from './config.ts';
import type { Log } from './ports.ts';

export interface Running {
  /** Drains, writes what waits, closes everything. */
  stop(): Promise<void>;
}
export interface Program {
  makeLog(config: Config): Log;
  start(config: Config, log: Log): Promise<Running>;
}

/** Runs until a signal. Exit codes: 0 stopped in order, 1 could not start, 70 a fault of ours (sysexits.h EX_SOFTWARE). */
export function runProcess(program: Program): void {
  live(program).then(
    (code) => process.exit(code),
    (error: unknown) => {
      process.stderr.write(`gateway: ${explain(error)}\n`);
      process.exit(1);
    },
  );
}

async function live({ makeLog, start }: Program): Promise<number> {
  const line = readCommandLine();
  if (line.kind === 'help') {
    process.stdout.write(line.text);
    return 0;
  }
  const log = makeLog(line.config);
  process.on('uncaughtException', (error, origin) => {
    if (origin === 'uncaughtException' && isLateWrite(error))
      return log.warn({ err: error }, 'a write to a connection that has ended; nothing is lost');
    log.error({ err: error, alarm: 'crash' }, 'uncaught exception');
    process.exit(70);
  });
  const stopped = signalled();
  const running = await start(line.config, log);
  await stopped;
  await running.stop();
  return 0;
}

/** A write in the very turn in which the other side hung up: the NATS client (3.4.0) has no listener left for it by then. */
function isLateWrite(error: NodeJS.ErrnoException): boolean {
  return error.code === 'ERR_STREAM_WRITE_AFTER_END' || error.code === 'EPIPE' || error.code === 'ECONNRESET';
}

function signalled(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      process.once(signal, () => process.exit(1));
      resolve();
    });
  }
  return promise;
}

/** One line a cause; a stack says nothing to whoever wrote the settings. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof ConfigError || error.cause === undefined) return error.message;
  return `${error.message}\n  because: ${explain(error.cause)}`;
}
