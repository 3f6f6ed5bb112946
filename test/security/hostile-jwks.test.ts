/**
 * A JWKS address that answers garbage, without end, slowly or not at all costs the control plane a few seconds and a few kilobytes, enrols nobody, and
 * is asked once in 30 s whatever tokens come.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { Cluster } from '../../control-plane/test/cluster.ts';
import { type EnrolmentDoor, startEnrolmentDoor } from '../../control-plane/test/enrolment-door.ts';
import { type Answer, type JwksHost, json, startJwksHost } from '../../control-plane/test/jwks-host.ts';

let door: EnrolmentDoor;
let host: JwksHost;
let count = 0;
let cluster: Cluster;
/** Each test has an address of its own: what is known of one is not forgotten. */
let url: string;

beforeAll(async () => {
  door = await startEnrolmentDoor();
  host = await startJwksHost();
}, 120_000);
afterAll(async () => {
  await host?.[Symbol.asyncDispose]();
  await door?.[Symbol.asyncDispose]();
});
beforeEach(async () => {
  count += 1;
  cluster = await Cluster.start(`aws-${count}`);
  url = `${host.url}?${count}`;
  await door.register(`aws-${count}`, { ...cluster.identity, jwks: { url } });
  host.asked = 0;
});

const away = { status: 503, body: { error: { code: 'not_ready' } } };
const text =
  (body: string | Buffer, headers: Record<string, string> = {}): Answer =>
  (_, response) =>
    void response.writeHead(200, headers).end(body);

test('an honest one enrols', async () => {
  host.answer = json({ keys: [cluster.publicKey] });
  expect((await door.enrol(await cluster.token())).status).toBe(200);
});

const garbage: readonly (readonly [string, () => Answer])[] = [
  ['no JSON', () => text('<html>sign in</html>')],
  ['nothing', () => text('')],
  ['JSON of another shape', () => json([cluster.publicKey])],
  ['no keys', () => json({ keys: [] })],
  ['a symmetric key alone', () => json({ keys: [{ kty: 'oct', k: 'c2VjcmV0', kid: cluster.publicKey.kid }] })],
  ['keys that are none', () => json({ keys: [null, 1, 'x', { kty: 'RSA', n: {}, e: [] }] })],
  ['JSON without a bottom', () => text('['.repeat(200_000))],
  ['ten thousand keys', () => json({ keys: Array.from({ length: 10_000 }, () => ({})) })],
  ['an error', () => (_, response) => void response.writeHead(500).end(JSON.stringify({ keys: [cluster.publicKey] }))],
  ['bytes that no compression gives', () => text('nonsense', { 'content-encoding': 'gzip' })],
  ['the end of the connection', () => (_, response) => response.destroy()],
];
test.each(garbage)('one that answers %s enrols nobody, and the log says which address', async (_, answer) => {
  host.answer = answer();
  expect(await door.enrol(await cluster.token())).toMatchObject(away);
  expect(door.log()).toContain(`the keys at ${url} cannot be fetched`);
});

test('one that redirects is not followed', async () => {
  host.answer = (request, response) => {
    if (request.url?.includes('moved')) json({ keys: [cluster.publicKey] })(request, response);
    else response.writeHead(302, { location: `${host.url}?moved` }).end();
  };
  expect(await door.enrol(await cluster.token())).toMatchObject(away);
  expect(host.asked).toBe(1);
});

test('one whose certificate is not trusted is not believed', async () => {
  await using stranger = await startJwksHost(false);
  stranger.answer = json({ keys: [cluster.publicKey] });
  await door.register(`aws-${count}`, { ...cluster.identity, jwks: { url: stranger.url } });
  expect(await door.enrol(await cluster.token())).toMatchObject(away);
  expect(stranger.asked).toBe(0);
});

test('one that never stops, plain or packed, is hung up on after 256 KB', async () => {
  let sent = 0;
  host.answer = (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    const more = (): void => {
      while (!response.destroyed && response.write(' '.repeat(65_536))) sent += 65_536;
      if (!response.destroyed) response.once('drain', more);
    };
    more();
  };
  expect(await door.enrol(await cluster.token())).toMatchObject(away);
  expect(sent).toBeLessThan(64 * 2 ** 20);

  const packed = await Cluster.start('packed');
  await door.register('packed', { ...packed.identity, jwks: { url: `${host.url}?packed` } });
  host.answer = text(gzipSync(Buffer.alloc(50 * 2 ** 20, ' ')), { 'content-encoding': 'gzip' });
  expect(await door.enrol(await packed.token())).toMatchObject(away);
});

test('one that is slow, byte by byte, is given 5 s, once for all who wait', async () => {
  host.answer = async (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    while (!response.destroyed) {
      response.write(' ');
      await wait(100);
    }
  };
  const began = performance.now();
  const heard = await Promise.all(Array.from({ length: 5 }, async () => door.enrol(await cluster.token())));
  for (const one of heard) expect(one).toMatchObject(away);
  expect(performance.now() - began).toBeLessThan(20_000);
  expect(host.asked).toBe(1);
});

test('fifty tokens of keys that nobody has are one question more at most', async () => {
  host.answer = json({ keys: [cluster.publicKey] });
  const forger = await Cluster.start(`aws-${count}`);
  for (let at = 0; at < 50; at += 1)
    expect((await door.enrol(await forger.token({ header: { kid: `key-${at}` } }))).status).toBe(403);
  expect(host.asked).toBeLessThanOrEqual(2);
  expect((await door.enrol(await cluster.token())).status).toBe(200);
});
