/** A request over a link as the gateway sees it, and what its peer sees of the answer. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type TlsPair, tlsPair } from '../../test/link-pair.ts';
import { RawLink } from '../../test/raw-link.ts';
import { Breach, FRAME, MAX_PAYLOAD_BYTES, WINDOW_BYTES } from './frames.ts';
import { Link } from './link.ts';
import { LinkArrival } from './link-arrival.ts';

const until = (holds: () => boolean) => vi.waitUntil(holds, { timeout: 10_000, interval: 2 });

let pair: TlsPair;
let peer: RawLink;
let arrivals: LinkArrival[];
let breaches: Error[];

beforeEach(async () => {
  pair = await tlsPair();
  peer = new RawLink(pair.dialled);
  arrivals = [];
  breaches = [];
  const link: Link = new Link(pair.accepted, {
    dialled: false,
    beatMs: 60_000,
    onOpen: (flow, payload, last) => {
      const arrival = new LinkArrival({ link, flow, door: { kind: 'mesh', peer: undefined }, payload, last });
      link.add(arrival);
      arrivals.push(arrival);
    },
    onBreach: (error) => breaches.push(error),
    onClosed: () => undefined,
  });
});
afterEach(() => pair[Symbol.asyncDispose]());

async function request(stream = 1, last = false): Promise<LinkArrival> {
  peer.head(stream, ['POST', '/mcp/far', 'a', 'b'], last);
  const has = () => arrivals.find(({ flow }) => flow.stream === stream);
  await until(() => has() !== undefined);
  return has() as LinkArrival;
}

/** Keeps what it is told, in order. */
function sink(wants = true) {
  const told: string[] = [];
  const data = (chunk: Buffer): boolean => told.push(`data ${chunk.length}`) > 0 && wants;
  return { told, data, end: () => told.push('end'), cut: () => told.push('cut') };
}

describe('the body', () => {
  test('is kept until someone asks for it, then handed on as it comes', async () => {
    const arrival = await request();
    peer.send(FRAME.data, 1, 'abc');
    await peer.heard();
    const reader = sink();
    arrival.receive(reader);
    peer.send(FRAME.data, 1, 'defg', true);
    await peer.heard();
    expect(reader.told).toEqual(['data 3', 'data 4', 'end']);
  });

  test('a frame with nothing in it may be the last; before, it is a breach: no window bounds how many come', async () => {
    const arrival = await request();
    const reader = sink();
    arrival.receive(reader);
    peer.send(FRAME.data, 1, '', true);
    await peer.heard();
    expect(reader.told).toEqual(['end']);
    await request(3);
    peer.send(FRAME.data, 3);
    await peer.closed;
    expect(breaches).toEqual([expect.any(Breach)]);
  });

  test('must be as long as its head says', async () => {
    peer.head(1, ['POST', '/mcp/far', 'content-length', '4']);
    peer.send(FRAME.data, 1, 'abc', true);
    await peer.closed;
    expect(breaches).toEqual([expect.any(Breach)]);
  });

  test('that never ends is given up', async () => {
    vi.spyOn(performance, 'now').mockReturnValue(0);
    const arrival = await request();
    const reader = sink();
    arrival.receive(reader);
    for (const [now, told] of [
      [0, []],
      [119_999, []],
      [120_000, ['cut']],
    ] as const) {
      arrival.tick(now);
      expect(reader.told).toEqual(told);
    }
    expect(arrival.gone).toBe(true);
    vi.restoreAllMocks();
  });

  test.each([
    ['read', true, [WINDOW_BYTES / 2]],
    ['not wanted', false, []],
  ])('that is %s: may as much more of it come? %s', async (_what, wants, windows) => {
    const arrival = await request();
    arrival.receive(sink(wants));
    for (let i = 0; i < 8; i += 1) peer.send(FRAME.data, 1, Buffer.alloc(WINDOW_BYTES / 16));
    await peer.heard();
    expect(peer.of(1, FRAME.window).map(({ payload }) => payload.readUInt32BE())).toEqual(windows);
  });

  test.each([
    ['in the middle of it', false, ['cut']],
    ['after it', true, ['end']],
  ])('of a caller who leaves %s', async (_when, last, told) => {
    const arrival = await request(1, last);
    const reader = sink();
    const reasons: string[] = [];
    arrival.onEnd(({ code }) => reasons.push(code));
    arrival.receive(reader);
    peer.send(FRAME.reset, 1, '', true);
    await peer.heard();
    expect([reader.told, reasons, arrival.gone]).toEqual([told, ['caller_left'], true]);
  });
});

describe('the answer', () => {
  const texts = () =>
    peer.frames.filter(({ stream }) => stream === 1).map(({ type, last, payload }) => [type, last, payload.toString()]);

  test('whole', async () => {
    (await request()).reply(200, ['a', 'b'], Buffer.from('{}'));
    await until(() => texts().length === 2);
    expect(texts()).toEqual([
      [FRAME.head, false, '200\na\nb\ncontent-length\n2'],
      [FRAME.data, true, '{}'],
    ]);
  });

  test('without a body', async () => {
    (await request()).reply(204, [], undefined);
    await until(() => texts().length === 1);
    expect(texts()).toEqual([[FRAME.head, true, '204']]);
  });

  test('in pieces; the head at once', async () => {
    const arrival = await request();
    arrival.begin(200, []);
    await until(() => texts().length === 1);
    expect(arrival.begun).toBe(true);
    await arrival.write(Buffer.from('one'));
    await arrival.write(Buffer.alloc(0)); // nothing: the other side would take it for a breach
    arrival.end();
    await until(() => texts().length === 3);
    expect(texts()).toEqual([
      [FRAME.head, false, '200'],
      [FRAME.data, false, 'one'],
      [FRAME.data, true, ''],
    ]);
  });

  test('broken off, and why; or cut', async () => {
    const [broken, cut] = [await request(1), await request(3)];
    broken.begin(200, []);
    broken.end('upstream_failed');
    await until(() => texts().length === 2);
    expect(texts()[1]).toEqual([FRAME.fault, true, 'upstream_failed']);
    cut.cut();
    await until(() => peer.of(3, FRAME.reset).length === 1);
  });

  test('to a caller who has left goes nowhere, and throws nothing', async () => {
    const arrival = await request();
    peer.send(FRAME.reset, 1, '', true);
    await peer.heard();
    arrival.reply(200, [], Buffer.from('{}'));
    arrival.begin(200, []);
    expect(arrival.write(Buffer.alloc(2 * WINDOW_BYTES))).toBeUndefined();
    arrival.end();
    arrival.cut();
    arrival.finish();
    await peer.heard();
    expect(texts()).toEqual([]);
  });

  test('with a head as long as a frame, and every byte of Latin-1', async () => {
    const long = 'ÿ'.repeat(MAX_PAYLOAD_BYTES - '200\na\n'.length);
    (await request()).reply(204, ['a', long], undefined);
    await until(() => peer.of(1, FRAME.head).length === 1);
    expect(peer.of(1, FRAME.head)[0]?.payload.toString('latin1') === `204\na\n${long}`).toBe(true);
  });

  test('a header that would become another: a type error, and nothing is sent', async () => {
    const arrival = await request();
    expect(() => arrival.reply(200, ['a', 'b\nset-cookie\nc'], undefined)).toThrow(TypeError);
    expect(arrival.begun).toBe(false);
    await peer.heard();
    expect(texts()).toEqual([]);
  });
});
