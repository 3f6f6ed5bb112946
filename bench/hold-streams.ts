/**
 * Holds event streams open and does nothing with them, as a process of its own (fork). Takes a `Hold`, answers `Held` when every stream has its
 * head or has failed; ends with its parent, and the streams with it.
 */
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { type Door, streamRequestBytes } from './call.ts';
import { takeOrders } from './worker-process.ts';

export interface Hold {
  readonly door: Door;
  /** PEM file of the authority of the door's certificate; undefined = plain HTTP. */
  readonly caFile: string | undefined;
  readonly count: number;
}

export interface Held {
  readonly failed: number;
  readonly firstFailure: string | undefined;
}

/** Streams that are being opened at once. */
const OPENING = 32;

async function hold({ door, caFile, count }: Hold): Promise<Held> {
  const ca = caFile === undefined ? undefined : readFileSync(caFile);
  const failures: string[] = [];
  let left = count;
  const openSome = async (): Promise<void> => {
    while (left-- > 0) await openOne(door, ca).catch((error: Error) => failures.push(error.message));
  };
  await Promise.all(Array.from({ length: OPENING }, openSome));
  return { failed: failures.length, firstFailure: failures[0] };
}

/** Resolves with the head of the answer; the connection stays. */
function openOne(door: Door, ca: Buffer | undefined): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const { host, port } = door;
  const socket: Socket = ca ? connectTls({ host, port, ca, servername: host }) : connect({ host, port });
  socket.on('error', reject);
  socket.on('close', () => reject(new Error('the stream was closed')));
  socket.once('data', (head: Buffer) => {
    if (head.toString('latin1').startsWith('HTTP/1.1 200 ')) resolve();
    else reject(new Error(head.toString('latin1').slice(0, 200)));
  });
  socket.write(streamRequestBytes(door));
  return promise;
}

if (import.meta.main) takeOrders(hold);
