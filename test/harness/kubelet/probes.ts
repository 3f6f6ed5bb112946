/** One probe of a container, as kubelet asks it: from the node to the pod's address. HTTPS is not verified, as there. */
import { Agent as HttpAgent, get as httpGet } from 'node:http';
import { get as httpsGet } from 'node:https';
import { createConnection } from 'node:net';
import type { Container, Handler } from './objects.ts';

/** Runs a command in the container; answers its exit code. */
export type Execute = (command: readonly string[], timeoutMs: number) => Promise<number>;

/** Resolves when the handler is content; throws an Error that says why not. */
export async function ask(handler: Handler, container: Container, host: string, timeoutMs: number, execute: Execute) {
  if (handler.httpGet) {
    const { path = '/', port, scheme } = handler.httpGet;
    return askHttp(scheme === 'HTTPS', { host, port: portOf(container, port), path }, timeoutMs);
  }
  if (handler.tcpSocket) return askTcp(host, portOf(container, handler.tcpSocket.port), timeoutMs);
  if (handler.exec) {
    const code = await execute(handler.exec.command ?? [], timeoutMs);
    if (code !== 0) throw new Error(`${handler.exec.command?.[0]}: exit ${code}`);
    return;
  }
  throw new Error('a probe of a kind that the harness does not know');
}

export function portOf({ name, ports }: Container, port: number | string): number {
  if (typeof port === 'number') return port;
  const found = ports?.find((one) => one.name === port)?.containerPort;
  if (found === undefined) throw new Error(`container ${name} has no port named ${port}`);
  return found;
}

function askHttp(secure: boolean, to: { host: string; port: number; path: string }, timeout: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const get = secure ? httpsGet : httpGet;
    const agent = secure ? undefined : new HttpAgent({ keepAlive: false });
    const options = { ...to, agent, timeout, headers: { 'user-agent': 'kube-probe/1.36', connection: 'close' } };
    const request = get({ ...options, ...(secure && { rejectUnauthorized: false, agent: false }) }, (answer) => {
      answer.resume();
      const { statusCode = 0 } = answer;
      if (statusCode >= 200 && statusCode < 400) resolve();
      else reject(new Error(`${to.path}: HTTP ${statusCode}`));
    });
    request.on('timeout', () => request.destroy(new Error(`${to.path}: no answer within ${timeout} ms`)));
    request.on('error', reject);
  });
}

function askTcp(host: string, port: number, timeout: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host, port, timeout });
    socket.on('connect', () => {
      socket.destroy();
      resolve();
    });
    socket.on('timeout', () => socket.destroy(new Error(`port ${port}: no connection within ${timeout} ms`)));
    socket.on('error', reject);
  });
}
