/** A connection that is kept shows tokens again and again: each call is who its own token says, as long as that token holds. */

import { Client } from 'undici';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { systemClock, TestMesh } from './mesh.ts';
import { call, jsonHeaders } from './post.ts';
import { Upstream } from './upstream.ts';

const EXPIRED_MS = 2 * 3_600_000;
let upstream: Upstream;
let mesh: TestMesh;
/** Added to the wall clock, in ms. */
let ahead: number;

beforeAll(async () => {
  upstream = await Upstream.start();
  mesh = await TestMesh.start({
    gateways: ['aws'],
    servers: { near: { gateway: 'aws', url: upstream.url } },
    grants: ['alice', 'bob'].map((user) => ({ user, server: 'near' })),
    clock: { ...systemClock, now: () => Date.now() + ahead },
  });
});
beforeEach(async () => {
  ahead = 0;
  mesh.restore();
  await mesh.apply();
  mesh.gateway('aws').forget();
});
afterAll(async () => {
  await mesh?.[Symbol.asyncDispose]();
  await upstream?.[Symbol.asyncDispose]();
});

/** One connection; asking on it a second one fails the test. */
function connection() {
  const client = new Client(mesh.gateway('aws').door);
  let dialled = 0;
  client.on('connect', () => {
    dialled += 1;
  });
  const ask = async (token: string): Promise<string> => {
    const headers = { ...jsonHeaders, authorization: `Bearer ${token}` };
    const body = JSON.stringify(call('echo'));
    const reply = await client.request({ method: 'POST', path: '/mcp/near', headers, body });
    const message = JSON.parse(await reply.body.text());
    expect(dialled).toBe(1);
    return `${reply.statusCode} ${message.error?.data.code ?? 'pong'}`;
  };
  return { ask, [Symbol.asyncDispose]: () => client.close() };
}
const users = () => mesh.gateway('aws').audit.records.map(({ user }) => user);

test('a token that was good is refused once it has expired, under the same snapshot', async () => {
  await using kept = connection();
  expect(await kept.ask(mesh.token('alice'))).toBe('200 pong');
  ahead = EXPIRED_MS;
  expect(await kept.ask(mesh.token('alice'))).toBe('401 token_expired');
});

test('another token is who it is, a broken one is nobody, and the first is good still', async () => {
  await using kept = connection();
  const broken = `${mesh.token('alice').slice(0, -8)}AAAAAAAA`;
  expect(await kept.ask(mesh.token('alice'))).toBe('200 pong');
  expect(await kept.ask(mesh.token('bob'))).toBe('200 pong');
  expect(await kept.ask(broken)).toBe('401 token_invalid');
  expect(await kept.ask(mesh.token('alice'))).toBe('200 pong');
  expect(users()).toEqual(['alice', 'bob', 'alice']);
});

test('a token that the next snapshot no longer has is refused', async () => {
  await using kept = connection();
  expect(await kept.ask(mesh.token('alice'))).toBe('200 pong');
  const { id } = mesh.tokens.get('alice') ?? {};
  await mesh.apply((tables) => ({ ...tables, tokens: tables.tokens.filter((token) => token.id !== id) }));
  expect(await kept.ask(mesh.token('alice'))).toBe('401 token_invalid');
  expect(await kept.ask(mesh.token('bob'))).toBe('200 pong');
});
