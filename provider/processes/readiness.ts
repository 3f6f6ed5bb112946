/** Waits until a process answers: by HTTP (2xx), by accepting a connection, or as PostgreSQL does. What it was refused with last is the error. */
import { get } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { refusalOf, startupMessage } from './postgresql-hello.ts';
import type { Readiness } from './spec.ts';

const pollMs = 50;
const attemptMs = 2_000;

/** Throws a NotReady that says what the last attempt met, or the signal's reason. */
export class NotReady extends Error {}

export async function waitUntilReady(readiness: Readiness, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + readiness.timeoutSeconds * 1_000;
  for (;;) {
    signal.throwIfAborted();
    const refusal = await attempt(readiness);
    if (refusal === undefined) return;
    if (Date.now() > deadline) {
      throw new NotReady(`it was not ready within ${readiness.timeoutSeconds} s: ${refusal}`);
    }
    await delay(pollMs, undefined, { signal }).catch(() => {});
  }
}

/** undefined: ready. */
function attempt(readiness: Readiness): Promise<string | undefined> {
  if (readiness.kind === 'http') return askHttp(readiness.url);
  const { host, port, protocol } = readiness;
  return protocol === 'postgresql' ? greet(host, port) : dial(host, port);
}

function askHttp(url: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const request = get(url, { agent: false, timeout: attemptMs }, (response) => {
      response.resume();
      const code = response.statusCode ?? 0;
      resolve(code >= 200 && code < 300 ? undefined : `GET ${url} answered ${code}`);
    });
    request.on('timeout', () => request.destroy(new Error(`no answer within ${attemptMs} ms`)));
    request.on('error', (error) => resolve(`GET ${url}: ${error.message}`));
  });
}

function dial(host: string, port: number): Promise<string | undefined> {
  return meet(host, port, (socket, settle) => {
    socket.on('connect', () => settle(undefined));
  });
}

function greet(host: string, port: number): Promise<string | undefined> {
  return meet(host, port, (socket, settle) => {
    socket.on('connect', () => socket.write(startupMessage));
    socket.once('data', (answer) => settle(refusalOf(answer)));
    socket.on('close', () => settle(`${host}:${port} closed the connection`));
  });
}

type Settle = (refusal: string | undefined) => void;

/** One connection, ended when it is settled. */
function meet(
  host: string,
  port: number,
  converse: (socket: Socket, settle: Settle) => void,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: attemptMs });
    const settle: Settle = (refusal) => {
      resolve(refusal);
      socket.destroy();
    };
    socket.on('timeout', () => settle(`${host}:${port}: no answer within ${attemptMs} ms`));
    socket.on('error', (error) => settle(`${host}:${port}: ${error.message}`));
    converse(socket, settle);
  });
}
