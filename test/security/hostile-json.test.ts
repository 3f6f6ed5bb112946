/**
 * JSON that two readers read differently, that a reader needs very long for, or that he chokes on. It is refused with a sentence before any of it
 * reaches the server, in about the time that reading so many bytes takes, and leaves nothing behind.
 */
import { scan } from '@portolan/core';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { aliveBytes, MB } from '../../gateway/test/memory.ts';
import { TestMesh } from '../../gateway/test/mesh.ts';
import { call, outcome, post } from '../../gateway/test/post.ts';
import { Upstream } from '../../gateway/test/upstream.ts';

const BODY_BYTES = 32 * MB;
let upstream: Upstream;
let mesh: TestMesh;
beforeAll(async () => {
  upstream = await Upstream.start();
  mesh = await TestMesh.start({
    gateways: ['aws', 'azure'],
    servers: { far: { gateway: 'azure', url: upstream.url } },
    grants: [{ user: 'alice', server: 'far' }],
    limits: { bodyBytes: BODY_BYTES },
  });
});
afterAll(async () => {
  await mesh?.[Symbol.asyncDispose]();
  await upstream?.[Symbol.asyncDispose]();
});
beforeEach(() => {
  upstream.seen.length = 0;
  mesh.gateway('aws').forget();
});

const send = (body: Buffer | string) =>
  fetch(`${mesh.gateway('aws').door}/mcp/far`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${mesh.token('alice')}` },
    body,
  });

const withArguments = (text: string): string =>
  `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":${text}}}`;
const keys = (count: number, key: (i: number) => string): string =>
  withArguments(`{${Array.from({ length: count }, (_, i) => `"${key(i)}":0`).join(',')}}`);
const nested = (depth: number, open: string, close: string): string =>
  withArguments(`${open.repeat(depth)}0${close.repeat(depth)}`);
const bytes = (...parts: (string | readonly number[])[]): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from(part))));
const inText = (...hostile: readonly number[]): Buffer => {
  const [before = '', after = ''] = withArguments('{"a":"|"}').split('|');
  return bytes(before, hostile, after);
};
const asId = (id: string): string => JSON.stringify(call('echo')).replace('"id":1', `"id":${id}`);
/** Keys that a table keyed by their unseeded number would put into one place (the class of CVE-2026-21717). */
const colliding = (i: number): string => String(i * 65_536);

// table
const rows: readonly (readonly [string, string | Buffer, string])[] = [
  [
    'a method that stands twice',
    '{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call"}',
    'duplicate_key',
  ],
  ['a name that stands twice by escape', asId('1').replace('"name"', '"n\\u0061me":"x","name"'), 'duplicate_key'],
  ['an argument that stands twice, deep inside', withArguments('{"a":[{"b":{"c":1,"c":2}}]}'), 'duplicate_key'],
  ['__proto__ that stands twice', withArguments('{"__proto__":1,"__proto__":2}'), 'duplicate_key'],
  ['the last of 9,000 keys that is the first', keys(9_000, (i) => `k${i % 8_999}`), 'duplicate_key'],
  ['a method in other case', '{"jsonrpc":"2.0","id":1,"method":"tools/list","Method":"tools/call"}', 'invalid_request'],
  ['a name in other case', asId('1').replace('"name"', '"Name":"x","name"'), 'invalid_request'],
  ['arrays 500,000 deep', nested(500_000, '[', ']'), 'too_complex'],
  ['objects 500,000 deep', nested(500_000, '{"a":', '}'), 'too_complex'],
  ['arrays 500,000 deep that never close', withArguments('['.repeat(500_000)), 'too_complex'],
  ['a million keys', keys(1_000_000, (i) => `k${i}`), 'too_complex'],
  ['a million keys that collide', keys(1_000_000, colliding), 'too_complex'],
  ['a million empty objects in objects', withArguments(`[${'{"a":{}},'.repeat(999_999)}{"a":{}}]`), 'too_complex'],
  ['a lone continuation byte', inText(0x80), 'parse_error'],
  ['an overlong slash', inText(0xc0, 0xaf), 'parse_error'],
  ['an overlong NUL', inText(0xc0, 0x80), 'parse_error'],
  ['half a surrogate pair as UTF-8', inText(0xed, 0xa0, 0x80), 'parse_error'],
  ['a code point beyond the last', inText(0xf4, 0x90, 0x80, 0x80), 'parse_error'],
  ['a character that is cut off', inText(0xe2, 0x82), 'parse_error'],
  ['UTF-16', Buffer.from(asId('1'), 'utf16le'), 'parse_error'],
  ['a byte order mark', bytes([0xef, 0xbb, 0xbf], asId('1')), 'parse_error'],
  ['half a surrogate pair as tool name', asId('1').replace('echo', '\\ud800'), 'parse_error'],
  ['half a surrogate pair as key', withArguments('{"\\udc00":1}'), 'parse_error'],
  ['NUL', inText(0), 'parse_error'],
  ['a line end in a text', inText(0x0a), 'parse_error'],
  ['an id beyond all numbers', asId('1e400'), 'invalid_request'],
  ['an id of 100,000 digits', asId('9'.repeat(100_000)), 'invalid_request'],
  ['an id that is a fraction', asId('1.5'), 'invalid_request'],
  ['an id that is an object', asId('{}'), 'invalid_request'],
  ['a number with a leading zero', withArguments('[01]'), 'parse_error'],
  ['NaN', withArguments('[NaN]'), 'parse_error'],
  ['a hexadecimal number', withArguments('[0x10]'), 'parse_error'],
  ['a comma too many', withArguments('[1,]'), 'parse_error'],
  ['a comment', `/**/${asId('1')}`, 'parse_error'],
  ['single quotes', asId('1').replaceAll('"', "'"), 'parse_error'],
  ['two messages in a row', asId('1') + asId('2'), 'parse_error'],
  ['a message behind NUL', `${asId('1')}\0${asId('2')}`, 'parse_error'],
  ['a list of messages', `[${asId('1')},${asId('2')}]`, 'batch_refused'],
];

test.each(rows)('%s is refused, told and recorded, and the server sees nothing', async (_what, body, code) => {
  const { status, body: refusal } = await outcome(await send(body));
  expect({ status, refusal }).toMatchObject({ status: 400, refusal: { error: { data: { code, hop: 'aws' } } } });
  expect((refusal as { error: { message: string } }).error.message.length).toBeGreaterThan(20);
  expect(mesh.gateway('aws').audit.records).toMatchObject([{ code, status: 'refused', user: 'alice' }]);
  expect(upstream.seen).toEqual([]);
});

test.each([
  ['numbers that no double holds', withArguments('[12345678901234567890,1.0,1e400,-0,0.1e-999]')],
  ['half a surrogate pair in an argument', withArguments('["\\ud800"]')],
  ['a number of 100,000 digits', withArguments(`[${'9'.repeat(100_000)}]`)],
  ['a key that every object has', withArguments('{"__proto__":{"a":1},"constructor":{"prototype":{}}}')],
  ['an id that is a number beyond 53 bits', asId('12345678901234567890')],
])('%s: what cannot be misread goes on byte for byte', async (_what, body) => {
  expect((await send(body)).status).toBe(200);
  expect(upstream.seen.map((seen) => seen.body)).toEqual([body]);
});

/** The fastest of some runs, ms: what else goes on in this machine only adds to it. */
function fastest(run: () => unknown): number {
  const times = Array.from({ length: 7 }, () => {
    const began = performance.now();
    run();
    return performance.now() - began;
  });
  return Math.min(...times);
}

/** As many bytes of JSON with nothing in it that is hard. */
const harmless = (size: number): string => withArguments(`[${'"twelve char",'.repeat(size / 14)}0]`);

test.each(rows.filter(([, body]) => body.length > 50_000))(
  '%s: read in the time of as many harmless bytes',
  (_what, body) => {
    const hostile = Buffer.from(body as string);
    const plain = harmless(hostile.length);
    expect(fastest(() => scan(hostile))).toBeLessThan(10 * fastest(() => JSON.parse(plain)) + 60); // what is quadratic takes 100 ms and more
  },
);

test('as many keys as are let in, all of which collide, take no longer than others', () => {
  const hostile = Buffer.from(keys(9_900, colliding));
  const plain = Buffer.from(keys(9_900, (i) => `a${(i * 7_919) % 1_000_003}`));
  expect(fastest(() => scan(hostile))).toBeLessThan(10 * fastest(() => scan(plain)) + 60);
});

test('forty such bodies leave nothing behind', async () => {
  const big = rows.filter(([, body]) => body.length > 50_000).map(([, body]) => body);
  for (const body of big) await (await send(body)).text();
  const before = await aliveBytes();
  for (let i = 0; i < 40; i += 1) await (await send(big[i % big.length] ?? '')).text();
  mesh.gateway('aws').forget();
  expect((await aliveBytes()) - before).toBeLessThan(8 * MB);
  expect((await post(`${mesh.gateway('aws').door}/mcp/far`, call('echo'), { token: mesh.token('alice') })).status).toBe(
    200,
  );
});
