/**
 * How undici makes a connection: one deadline over name look-up, TCP and TLS, HTTP/1.1 only, TCP keep-alive.
 * It decides nothing about who may be dialled. undici's own connect timer is coarse (500 ms) and starts after the look-up, so it is not used.
 */
import type { Socket } from 'node:net';
import { buildConnector } from 'undici';
import { DialTimeout, KEEP_ALIVE_MS } from './connect-timeout.ts';

/** A connector that gives up after `timeoutMs` in all. */
export function dialler(options: buildConnector.BuildOptions, timeoutMs: number): buildConnector.connector {
  const connect = buildConnector({
    ...options,
    allowH2: false,
    maxCachedSessions: 0,
    timeout: 0,
    keepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_MS,
  }) as (...args: Parameters<buildConnector.connector>) => Socket;
  return (target, callback) => {
    const timer = setTimeout(() => socket.destroy(new DialTimeout(timeoutMs)), timeoutMs);
    const socket = connect(target, (...result) => {
      clearTimeout(timer);
      callback(...result);
    });
  };
}
