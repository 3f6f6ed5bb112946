/**
 * What streams cost in memory: many that say nothing, and one long answer whose reader is slow. Read from the resident set of the entry gateway, after
 * the load, so that what it takes to be warm is in nobody's bill.
 */
import { connect } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { type Door, longAnswer, longRequestBytes } from './call.ts';
import type { Held, Hold } from './hold-streams.ts';
import { atRest, residentBytes } from './process-account.ts';
import { WorkerProcess } from './worker-process.ts';

export interface Streams {
  readonly count: number;
  readonly failed: number;
  readonly firstFailure: string | undefined;
  /** Resident bytes of the entry gateway for each stream: plain HTTP and one gateway; TLS with the caller and with the other gateway. */
  readonly plainBytes: number;
  readonly tlsBytes: number;
  /** Resident bytes that the entry gateway took on while a long answer went to a slow reader, at most. */
  readonly slowReaderBytes: number;
}

export interface Streaming {
  readonly plain: Door;
  readonly tls: Door;
  /** Of the TLS door's authority. */
  readonly caFile: string;
  /** The entry gateway's. */
  readonly pid: number;
  readonly count: number;
  readonly signal: AbortSignal;
}

/** Undefined for no streams. Rejects when `signal` aborts, or when a long answer is not what the upstream said. */
export async function measureStreams({ count, ...ways }: Streaming): Promise<Streams | undefined> {
  if (count === 0) return undefined;
  say(`${count} quiet streams, plain`);
  const plain = await quiet({ door: ways.plain, caFile: undefined, count }, ways);
  say(`${count} quiet streams, TLS on both sides`);
  const tls = await quiet({ door: ways.tls, caFile: ways.caFile, count }, ways);
  say('one long answer, read slowly');
  const slowReaderBytes = await slowReader(ways);
  return {
    count,
    failed: plain.failed + tls.failed,
    firstFailure: plain.firstFailure ?? tls.firstFailure,
    plainBytes: plain.bytes,
    tlsBytes: tls.bytes,
    slowReaderBytes,
  };
}

type Watched = Pick<Streaming, 'pid' | 'signal'>;

async function quiet(hold: Hold, { pid, signal }: Watched): Promise<Held & { readonly bytes: number }> {
  const before = await residentAtRest(pid, signal);
  await using holder = await WorkerProcess.start<Hold, Held>('./hold-streams.ts');
  const held = await holder.run(hold, signal);
  return { ...held, bytes: ((await residentAtRest(pid, signal)) - before) / hold.count };
}

const READ_BYTES = 65_536;
const REST_MS = 50;

async function slowReader({ plain, pid, signal }: Watched & Pick<Streaming, 'plain'>): Promise<number> {
  const before = await residentAtRest(pid, signal);
  const socket = connect({ host: plain.host, port: plain.port });
  let cause: Error | undefined;
  socket.on('error', (error) => (cause = error));
  try {
    socket.write(longRequestBytes(plain));
    let most = before;
    let got = 0;
    for (let tail = ''; !tail.includes(longAnswer.end); await wait(REST_MS, undefined, { signal })) {
      const chunk = (socket.read(READ_BYTES) ?? socket.read()) as Buffer | null;
      const over = socket.readableEnded || socket.destroyed;
      if (chunk === null && over) throw new Error(`the long answer broke off after ${got} bytes`, { cause });
      got += chunk?.length ?? 0;
      tail = chunk === null ? tail : (tail + chunk.toString('latin1')).slice(-longAnswer.end.length - READ_BYTES);
      most = Math.max(most, residentBytes(pid));
    }
    if (got < longAnswer.bytes) throw new Error(`the long answer came with ${got} of ${longAnswer.bytes} bytes`);
    return most - before;
  } finally {
    socket.destroy();
  }
}

async function residentAtRest(pid: number, signal: AbortSignal): Promise<number> {
  await atRest([pid], 200, signal);
  return residentBytes(pid);
}

const say = (line: string) => process.stderr.write(`${line}\n`);
