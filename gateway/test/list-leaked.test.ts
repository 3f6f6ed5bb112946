/** A server that hides a list: in an encoding, under another label, in another answer. Nothing that the caller may not see reaches him. */
import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { threeClouds } from './three-clouds.ts';

const world = threeClouds();
const SECRET = 'secret_tool';
const list = { jsonrpc: '2.0', id: 1, result: { tools: [{ name: 'echo' }, { name: SECRET }] } };
const json = Buffer.from(JSON.stringify(list));
const event = Buffer.from(`data: ${json}\n\n`);
type Answer = readonly [how: string, headers: Record<string, string>, body: Buffer];
const labelled = (type: string, body = json): Answer => [`the label ${type}`, { 'content-type': type }, body];
const encoded = (coding: string, body: Buffer): Answer => [
  `the coding ${coding}`,
  { 'content-type': 'application/json', 'content-encoding': coding },
  body,
];
/** A key in escapes, in JSON and as an event. */
const spelled = (key: string, instead: string): Answer[] =>
  [
    { type: 'application/json', before: '', after: '' },
    { type: 'text/event-stream', before: 'data: ', after: '\n\n' },
  ].map(({ type, before, after }) => {
    const text = json.toString().replace(`"${key}"`, `"${instead}"`);
    return [`the key ${instead} in ${type}`, { 'content-type': type }, Buffer.from(before + text + after)];
  });

const refused: readonly Answer[] = [
  encoded('gzip', gzipSync(json)),
  encoded('br', brotliCompressSync(json)),
  encoded('zstd', zstdCompressSync(json)),
  encoded('gzip', json),
  encoded('identity, GZIP', gzipSync(json)),
  encoded('identity', gzipSync(json)),
  labelled('text/plain'),
  labelled('application/octet-stream'),
  labelled('application/json', event),
  ['no label', {}, json],
  labelled('application/json', Buffer.from(`${json}${json}`)),
  labelled('application/json', Buffer.from(`\ufeff${json}`)),
  labelled('application/json', Buffer.from(json.toString(), 'utf16le')),
  labelled('application/json', Buffer.from(`{"result":{},${json.toString().slice(1)}`)),
];
const filtered: readonly Answer[] = [
  encoded('identity', json),
  labelled('application/json; charset=utf-16'),
  labelled('TEXT/EVENT-STREAM; x=y', event),
  ...spelled('tools', 't\\u006fols'),
  ...spelled('tools', '\\u0074\\u006f\\u006F\\u006c\\u0073'),
  ...spelled('result', 're\\u0073ult'),
];
/** Lines that are no field of an event. */
const emptied: readonly Answer[] = [labelled('text/event-stream'), labelled('text/event-stream', gzipSync(event))];

/** Of a status and a body: what must have become of the list. */
type Fate = (status: number, text: string) => void;
const isRefused: Fate = (status, text) => {
  expect(status).toBe(502);
  expect(JSON.parse(text)).toMatchObject({ error: { data: { code: 'upstream_invalid', hop: 'azure' } } });
};
const isFiltered: Fate = (status, text) => {
  expect(status).toBe(200);
  expect(JSON.parse(text.replace(/^data: /, ''))).toEqual({ ...list, result: { tools: [{ name: 'echo' }] } });
};
const isEmptied: Fate = (status, text) => {
  expect(status).toBe(200);
  expect(text).toMatch(/^[:\r\n]+$/);
};
const meets = (fate: Fate, answers: readonly Answer[]) => answers.map((answer) => [...answer, fate] as const);

describe.each(['tools/list', 'tools/call'])('in the answer to %s', (method) => {
  test.each([...meets(isRefused, refused), ...meets(isFiltered, filtered), ...meets(isEmptied, emptied)])(
    'by %s: nothing hidden reaches the caller',
    async (_how, headers, body, fate) => {
      world.upstream.script = (_seen, response) => void response.writeHead(200, headers).end(body);
      const asked = { jsonrpc: '2.0', id: 1, method, params: { name: 'echo' } };
      const reply = await world.ask('/mcp/far', asked, { token: world.mesh.token('bob') });
      const bytes = Buffer.from(await reply.arrayBuffer());
      expect(bytes.includes(SECRET) || bytes.includes(Buffer.from(SECRET, 'utf16le'))).toBe(false);
      expect(bytes.includes(gzipSync(json).subarray(0, 4))).toBe(false);
      fate(reply.status, bytes.toString());
    },
  );
});
