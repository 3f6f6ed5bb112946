/** An exchange over a link as the side that asks sees it: its answer is read as fast as its reader reads, and ends with whoever leaves. */
import { type Refusal, refuse } from '@portolan/core';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Ending, Exchange } from '../../ports.ts';
import { type TlsPair, tlsPair } from '../../test/link-pair.ts';
import { RawLink } from '../../test/raw-link.ts';
import { FRAME, WINDOW_BYTES } from './frames.ts';
import { Link } from './link.ts';
import { LinkExchange } from './link-exchange.ts';

const BEAT_MS = 20;
const until = (holds: () => boolean) => vi.waitUntil(holds, { timeout: 10_000, interval: 2 });

/** Ends when the test says so. */
class Leaving implements Ending {
  reason: Refusal | undefined;
  #listener: ((reason: Refusal) => void) | undefined;
  listen(listener: ((reason: Refusal) => void) | undefined): void {
    this.#listener = listener;
  }
  heard(): void {}
  leave(): void {
    this.#listener?.(refuse('caller_left'));
  }
}

let pair: TlsPair;
let link: Link;
let peer: RawLink;
let ending: Leaving;

beforeEach(async () => {
  pair = await tlsPair();
  link = new Link(pair.dialled, {
    dialled: true,
    beatMs: BEAT_MS,
    onOpen: () => undefined,
    onClosed: () => undefined,
  });
  peer = new RawLink(pair.accepted);
  pair.accepted.on('data', () => peer.send(FRAME.pong, 0)); // it lives
  ending = new Leaving();
});
afterEach(() => pair[Symbol.asyncDispose]());

function send(over: Partial<Exchange> = {}): LinkExchange {
  const headers = ['content-type', 'application/json'];
  const exchange = { method: 'POST', headers, body: Buffer.from('{}'), ending, ...over } as const;
  const sent = new LinkExchange(exchange, (error) =>
    refuse('peer_failed', { hop: 'azure', detail: error.constructor.name }),
  );
  sent.answer.catch(() => undefined);
  sent.send(link, '/mcp/far');
  return sent;
}
const head = () => peer.head(1, ['200', 'content-type', 'application/json']);
const data = (bytes: Buffer | string, last = false) => peer.send(FRAME.data, 1, bytes, last);
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: Refusal) => error.code,
  );

test('the request: its head, its length, its body', async () => {
  send();
  await until(() => peer.of(1, FRAME.data).length === 1);
  expect(peer.of(1, FRAME.head).map(({ payload, last }) => [payload.toString(), last])).toEqual([
    ['POST\n/mcp/far\ncontent-type\napplication/json\ncontent-length\n2', false],
  ]);
  expect(peer.of(1, FRAME.data)).toMatchObject([{ last: true, payload: Buffer.from('{}') }]);
});

test('without a body the head is the last', async () => {
  send({ method: 'GET', body: undefined });
  await until(() => peer.of(1, FRAME.head).length === 1);
  expect(peer.of(1, FRAME.head)).toMatchObject([{ last: true }]);
});

test('an answer that has come already is whole; one that has not must be iterated', async () => {
  const sent = send();
  head();
  const { body, status } = await sent.answer;
  expect([status, body.whole?.()]).toEqual([200, undefined]);
  data('ab');
  data('cd', true);
  await until(() => !link.busy);
  expect(body.whole?.()?.toString()).toBe('abcd');
});

test('who does not read gets no more than a window', async () => {
  const sent = send();
  head();
  const { body } = await sent.answer;
  for (let i = 0; i < 16; i += 1) data(Buffer.alloc(WINDOW_BYTES / 16));
  await peer.heard();
  expect(peer.of(1, FRAME.window)).toEqual([]);
  const read = body[Symbol.asyncIterator]();
  for (let bytes = 0; bytes < WINDOW_BYTES; ) bytes += (await read.next()).value?.length ?? 0;
  await until(() => peer.of(1, FRAME.window).length === 2);
  expect(peer.of(1, FRAME.window).map(({ payload }) => payload.readUInt32BE())).toEqual(
    Array(2).fill(WINDOW_BYTES / 2),
  );
});

describe('the caller leaves', () => {
  test('before the request is sent: nothing is', async () => {
    const sent = new LinkExchange({ method: 'GET', headers: [], body: undefined, ending }, () => refuse('internal'));
    ending.leave();
    sent.send(link, '/mcp/far');
    expect(await codeOf(sent.answer)).toBe('caller_left');
    expect(link.busy).toBe(false);
  });

  test('while he waits for the head', async () => {
    const sent = send();
    ending.leave();
    expect(await codeOf(sent.answer)).toBe('caller_left');
    await until(() => peer.of(1, FRAME.reset).length === 1);
  });

  test('while he reads: at once, whatever has come', async () => {
    const sent = send();
    head();
    data('abc');
    const { body } = await sent.answer;
    await until(() => peer.of(1, FRAME.data).length === 1);
    ending.leave();
    expect(await codeOf(body[Symbol.asyncIterator]().next())).toBe('caller_left');
    await until(() => peer.of(1, FRAME.reset).length === 1);
  });

  test('by ending the iteration', async () => {
    const sent = send();
    head();
    data('abc');
    for await (const chunk of (await sent.answer).body) {
      expect(chunk.toString()).toBe('abc');
      break;
    }
    await until(() => peer.of(1, FRAME.reset).length === 1);
    expect(link.busy).toBe(false);
  });
});

describe('the answer breaks off', () => {
  test('what has come is read first', async () => {
    const sent = send();
    head();
    data('abc');
    peer.send(FRAME.reset, 1, '', true);
    const { body } = await sent.answer;
    await until(() => !link.busy);
    const read = body[Symbol.asyncIterator]();
    expect((await read.next()).value?.toString()).toBe('abc');
    expect(await codeOf(read.next())).toBe('peer_failed');
  });

  test('and the peer says why', async () => {
    const sent = send();
    head();
    data('abc');
    peer.send(FRAME.fault, 1, 'upstream_failed', true);
    const answer = await sent.answer;
    const chunks: string[] = [];
    for await (const chunk of answer.body) chunks.push(chunk.toString());
    expect([chunks, answer.brokenBy()]).toEqual([['abc'], 'upstream_failed']);
  });
});
