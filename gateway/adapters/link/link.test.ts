/** One link, both ends of it, over real TLS. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { KeptStream, type LinkEnd, linkEnd, openStream, type TlsPair, tlsPair } from '../../test/link-pair.ts';
import { Flow } from './flow.ts';
import { Breach, FRAME, HEADER_BYTES, WINDOW_BYTES, writeHeader } from './frames.ts';
import { Silent } from './link.ts';

const BEAT_MS = 40;
const until = (holds: () => boolean) => vi.waitUntil(holds, { timeout: 10_000, interval: 2 });

let pair: TlsPair;
/** Whoever dialled opens the streams. */
let near: LinkEnd;
let far: LinkEnd;
/** What is done with a stream that arrives at the far end. */
let onOpen: (stream: KeptStream) => void;

beforeEach(async () => {
  pair = await tlsPair();
  onOpen = () => undefined;
  near = linkEnd(pair.dialled, { dialled: true, beatMs: BEAT_MS });
  far = linkEnd(pair.accepted, { dialled: false, beatMs: BEAT_MS, onOpen: (stream) => onOpen(stream) });
});
afterEach(() => pair[Symbol.asyncDispose]());

/** Gives every stream back what it has sent. */
const echo = (stream: KeptStream): void => {
  void stream.ended.promise.then(async () => {
    far.link.head(stream, '200', false);
    await stream.flow.send(stream.bytes, true);
    far.link.remove(stream);
  });
};

async function roundTrip(bytes: Buffer): Promise<Buffer> {
  const stream = openStream(near.link);
  await stream.flow.send(bytes, true);
  await stream.ended.promise;
  near.link.remove(stream);
  return stream.bytes;
}
const small = Buffer.from('small');

/** The far end of a stream that has just been opened here. */
async function arrived(): Promise<KeptStream> {
  await until(() => far.opened.length > 0);
  return far.opened.at(-1) as KeptStream;
}

describe('flow control', () => {
  test('whose reader does not read gets one window and no more, until he reads; others go on meanwhile', async () => {
    const long = randomBytes(3 * WINDOW_BYTES + 1);
    onOpen = (stream) => {
      if (far.opened.length > 1) return echo(stream);
      stream.lazy = true;
    };
    const sending = openStream(near.link);
    const sent = Promise.resolve(sending.flow.send(long, true)).then(() => 'sent');
    const lazy = await arrived();
    await until(() => lazy.received >= WINDOW_BYTES);
    for (let i = 0; i < 20; i += 1) expect(await roundTrip(small)).toEqual(small);
    expect(lazy.received).toBe(WINDOW_BYTES);
    expect(await Promise.race([sent, 'waits'])).toBe('waits');
    lazy.readAll();
    expect(await sent).toBe('sent');
    await lazy.ended.promise;
    expect(lazy.bytes.equals(long)).toBe(true);
  });

  test('a long body comes as it was sent, in both directions at once; short ones do not wait for it', async () => {
    const long = randomBytes(4 * 1024 * 1024);
    const back = randomBytes(4 * 1024 * 1024);
    onOpen = (stream) => {
      if (far.opened.length > 1) return echo(stream);
      far.link.head(stream, '200', false);
      void stream.flow.send(back, true);
    };
    const order: string[] = [];
    const sending = openStream(near.link);
    void sending.flow.send(long, true);
    const lengthy = await arrived();
    const both = Promise.all([sending.ended.promise, lengthy.ended.promise]).then(() => order.push('long'));
    await Promise.all(Array.from({ length: 100 }, async () => order.push((await roundTrip(small)).toString())));
    await both;
    expect(order.indexOf('long')).toBe(100);
    expect([lengthy.bytes.equals(long), sending.bytes.equals(back)]).toEqual([true, true]);
  });

  test('a window wider than was agreed is a breach', async () => {
    const stream = openStream(near.link);
    far.link.window(stream.flow.stream, 1);
    expect(await near.closed).toBeInstanceOf(Breach);
    expect(await stream.losing.promise).toBeInstanceOf(Breach);
  });

  test('data beyond the window is a breach', async () => {
    onOpen = (stream) => (stream.lazy = true);
    const stream = openStream(near.link);
    void stream.flow.send(Buffer.alloc(WINDOW_BYTES), false);
    near.link.data(stream.flow.stream, Buffer.alloc(1), true);
    expect(await far.closed).toBeInstanceOf(Breach);
  });

  test('whoever waits for the connection goes on when it has taken more', async () => {
    await using other = await tlsPair();
    const sender = linkEnd(other.dialled, { dialled: true, beatMs: 60_000 });
    const receiver = linkEnd(other.accepted, {
      dialled: false,
      beatMs: 60_000,
      onOpen: (stream) => (stream.lazy = true),
    });
    other.dialled.cork(); // nobody takes what is written
    const streams = Array.from({ length: 4 }, () => openStream(sender.link));
    const all = streams.map(({ flow }) => flow.send(Buffer.alloc(WINDOW_BYTES), true));
    expect(all.every((sent) => sent === undefined)).toBe(false);
    expect(other.dialled.writableLength).toBeLessThan(WINDOW_BYTES);
    other.dialled.uncork();
    await Promise.all(all);
    await until(() => receiver.opened.length === 4);
    await Promise.all(receiver.opened.map(({ ended }) => ended.promise));
    expect(receiver.opened.map(({ received }) => received)).toEqual(Array(4).fill(WINDOW_BYTES));
  });

  test('whoever asks for signs of life, and reads none, makes the other side hold no more of them than one socket does', async () => {
    await using other = await tlsPair();
    linkEnd(other.accepted, { dialled: false, beatMs: 60_000 });
    const pings = Buffer.alloc(HEADER_BYTES * 8_192);
    for (let at = 0; at < pings.length; at += HEADER_BYTES)
      writeHeader(pings, at, { type: FRAME.ping, last: true, stream: 0, length: 0 });
    const heard = Promise.withResolvers<void>();
    let bytes = 0;
    other.accepted.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes === 16 * pings.length) setImmediate(heard.resolve);
    });
    other.accepted.cork(); // as if nobody took what is written
    for (let i = 0; i < 16; i += 1) other.dialled.write(pings);
    await heard.promise;
    expect(other.accepted.writableLength).toBeLessThan(4 * pings.length);
    other.accepted.uncork();
    await once(other.dialled, 'data');
  });
});

describe('an exchange ends before its time', () => {
  test('by the side that asks: the other is told, and what is still under way breaks nothing', async () => {
    const asking = openStream(near.link);
    const answering = await arrived();
    const sending = answering.flow.send(Buffer.alloc(2 * WINDOW_BYTES), true);
    near.link.reset(asking);
    expect(await answering.losing.promise).toBeUndefined();
    await sending; // goes on, though it was not sent
    expect([near.link.busy, far.link.busy]).toEqual([false, false]);
    onOpen = echo;
    expect(await roundTrip(small)).toEqual(small);
  });

  test('by the side that answers', async () => {
    const asking = openStream(near.link);
    const sending = asking.flow.send(Buffer.alloc(2 * WINDOW_BYTES), true);
    far.link.reset(await arrived());
    expect(await asking.losing.promise).toBeUndefined();
    await sending;
    onOpen = echo;
    expect(await roundTrip(small)).toEqual(small);
  });

  test('by both at once', async () => {
    const asking = openStream(near.link);
    const answering = await arrived();
    near.link.reset(asking);
    far.link.reset(answering);
    onOpen = echo;
    expect(await roundTrip(small)).toEqual(small);
    expect([near.link.busy, far.link.busy]).toEqual([false, false]);
  });
});

describe('the link ends', () => {
  test('by agreement: no new streams, and the connection with the last of those under way', async () => {
    const asking = openStream(near.link);
    const answering = await arrived();
    far.link.askToLeave();
    await until(() => !near.link.usable);
    far.link.head(answering, '200', false);
    await answering.flow.send(small, true);
    far.link.remove(answering);
    await asking.ended.promise;
    expect(asking.bytes).toEqual(small);
    expect(pair.dialled.writable).toBe(true);
    near.link.remove(asking);
    expect([await near.closed, await far.closed]).toEqual([undefined, undefined]);
  });

  test('at once where nothing is under way', async () => {
    near.link.retire();
    expect([await near.closed, await far.closed]).toEqual([undefined, undefined]);
  });

  test('what was written last still arrives', async () => {
    const asking = openStream(near.link);
    expect(asking.flow.send(small, true)).toBeUndefined();
    near.link.remove(asking);
    near.link.retire();
    const answering = await arrived();
    await answering.ended.promise;
    expect(answering.bytes).toEqual(small);
    far.link.remove(answering);
    expect(await near.closed).toBeUndefined();
  });

  test('with its connection: every stream is told, whoever waits goes on', async () => {
    const asking = Array.from({ length: 3 }, () => openStream(near.link));
    const sending = asking.map(({ flow }) => flow.send(Buffer.alloc(2 * WINDOW_BYTES), true));
    await until(() => far.opened.length === 3);
    await pair.wire[Symbol.asyncDispose]();
    for (const { losing } of [...asking, ...far.opened]) expect(await losing.promise).toBeInstanceOf(Error);
    await Promise.all(sending);
    expect([await near.closed, await far.closed]).toEqual([expect.any(Error), expect.any(Error)]);
    expect(near.link.usable).toBe(false);
  });
});

describe('silence', () => {
  /** Pings without an answer after which the other side is gone. */
  const MAX_UNANSWERED = 5;

  test('the other side is gone after so many pings, not before', async () => {
    const asking = openStream(near.link);
    const answering = await arrived();
    pair.wire.freeze();
    const before = [asking.ticks, answering.ticks] as const;
    expect([await near.closed, await far.closed]).toEqual([expect.any(Silent), expect.any(Silent)]);
    for (const [i, stream] of [asking, answering].entries()) {
      expect(await stream.losing.promise).toBeInstanceOf(Silent);
      // one beat more where something was heard in the one that the silence began in
      const beats = stream.ticks - (before[i] ?? 0);
      expect(beats).toBeGreaterThan(MAX_UNANSWERED);
      expect(beats).toBeLessThan(MAX_UNANSWERED + 4);
    }
  });

  test('who answers pings alone is waited for', async () => {
    const asking = openStream(near.link);
    await until(() => asking.ticks > 5 * MAX_UNANSWERED);
    expect(near.link.usable).toBe(true);
  });

  test('a shorter one cuts nothing', async () => {
    onOpen = echo;
    const asking = openStream(near.link);
    for (let round = 0; round < 4; round += 1) {
      pair.wire.freeze();
      const before = asking.ticks;
      await until(() => asking.ticks >= before + MAX_UNANSWERED - 2);
      pair.wire.thaw();
      expect(await roundTrip(small)).toEqual(small);
    }
    expect(near.link.usable).toBe(true);
  });

  test('a process that slept hears first what has come', async () => {
    onOpen = echo;
    const asking = openStream(near.link);
    await arrived();
    for (let round = 0; round < 3; round += 1) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10 * BEAT_MS);
      expect(await roundTrip(small)).toEqual(small);
    }
    expect(asking.ticks).toBeGreaterThan(0);
  });
});

test('so many streams at once, and no more', async () => {
  onOpen = echo;
  const streams = Array.from({ length: 16_384 }, () => openStream(near.link));
  expect(near.link.open()).toBeUndefined();
  for (const stream of streams) near.link.reset(stream);
  expect(await roundTrip(small)).toEqual(small);
});

test('whoever opens more than so many is cut', async () => {
  for (let i = 0; i < 16_384; i += 1) openStream(near.link);
  // all places are taken: its number has the first one's
  near.link.head(new KeptStream(new Flow(2 * 2 ** 15 + 1, near.link)), 'head', true);
  expect(await far.closed).toBeInstanceOf(Breach);
  expect(far.opened).toHaveLength(16_384);
});
