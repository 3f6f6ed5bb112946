/**
 * A real nats-server for a test, on the nats.conf that `init` wrote. Found as the toolchain finds it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { findTool } from '../../tools/toolchain/index.ts';

export interface TestNats extends AsyncDisposable {
  /** SIGKILL, as a crash; the store stays. */
  kill(): Promise<void>;
  start(): Promise<void>;
}

/** `port`: where it listens, so that we know when it does. */
export async function startTestNats(confFile: string, port: number): Promise<TestNats> {
  const { path } = await findTool('nats-server');
  let server = await launch(path, confFile, port);
  const kill = async (): Promise<void> => {
    if (server.exitCode !== null || server.signalCode !== null) return;
    const gone = once(server, 'exit');
    server.kill('SIGKILL');
    await gone;
  };
  return {
    kill,
    start: async () => {
      server = await launch(path, confFile, port);
    },
    [Symbol.asyncDispose]: kill,
  };
}

async function launch(command: string, confFile: string, port: number): Promise<ChildProcess> {
  const server = spawn(command, ['-c', confFile], { stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  server.stderr?.on('data', (chunk: Buffer) => {
    log = (log + chunk.toString()).slice(-4_000);
  });
  for (let i = 0; i < 400; i += 1) {
    if (server.exitCode !== null) throw new Error(`nats-server ended: ${log}`);
    if (await answers(port)) return server;
    await wait(25);
  }
  throw new Error(`nats-server did not start: ${log}`);
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
