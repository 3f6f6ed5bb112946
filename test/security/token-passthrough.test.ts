/**
 * The caller's token is for us, and for nobody behind us (MCP authorization, "Token Passthrough"): it stands in none of the bytes that a server gets,
 * one hop away or two, in no answer, no record and no line of a log; nor does what proves it between gateways.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { TestMesh } from '../../gateway/test/mesh.ts';
import { call } from '../../gateway/test/post.ts';
import { answerRaw, RawUpstream, rawAnswer } from '../../gateway/test/raw-upstream.ts';

let upstream: RawUpstream;
let mesh: TestMesh;
beforeAll(async () => {
  upstream = await RawUpstream.start();
  mesh = await TestMesh.start({
    gateways: ['aws', 'azure'],
    servers: { near: { gateway: 'aws', url: upstream.url }, far: { gateway: 'azure', url: upstream.url } },
    grants: ['near', 'far'].map((server) => ({ user: 'alice', server })),
  });
});
afterAll(async () => {
  await mesh?.[Symbol.asyncDispose]();
  await upstream?.[Symbol.asyncDispose]();
});
beforeEach(() => {
  upstream.forget();
  for (const gateway of mesh.gateways.values()) gateway.forget();
});

/** Everything that this process could have told anyone, but for the request itself. */
const told = (): string =>
  JSON.stringify([
    upstream.bytes,
    [...mesh.gateways.values()].map(({ audit, log, meter }) => [
      audit.records,
      audit.notes,
      log.lines.map(({ level, message, fields }) => [level, message, Object.values(fields).map(String)]),
      meter.requests,
      meter.hops,
      meter.errors,
    ]),
  ]);

describe.each(['near', 'far'])('%s', (server) => {
  const url = (): string => `${mesh.gateway('aws').door}/mcp/${server}`;

  test.each<[string, RequestInit]>([
    ['a call', { method: 'POST', body: JSON.stringify(call('echo')) }],
    ['a call that the server refuses', { method: 'POST', body: JSON.stringify(call('refused')) }],
    ['a call of no JSON', { method: 'POST', body: '{' }],
    ['a stream', { method: 'GET' }],
    ['the end of a session', { method: 'DELETE' }],
    ['a method that is not allowed', { method: 'PUT', body: '{}' }],
  ])('%s: the token is in nothing that leaves or is kept', async (_what, init) => {
    const { id = '', secret = '' } = mesh.tokens.get('alice') ?? {};
    expect(secret.length).toBeGreaterThan(20);
    upstream.script = (socket, request) => {
      if (request.head.startsWith('POST') && !request.body.includes('refused')) return answerRaw(socket, request);
      return void socket.write(rawAnswer(['content-type: text/plain', 'content-length: 2'], 'no', '401 Unauthorized'));
    };
    const headers = {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      AUTHORIZATION: `bearer ${mesh.token('alice')}`,
    };
    const reply = await fetch(url(), { ...init, headers });
    const answer = JSON.stringify([...reply.headers]) + (await reply.text());
    for (const text of [told(), answer]) {
      expect(text).not.toContain(secret);
      expect(text).not.toMatch(/bearer|portolan-(?:hop|caller)/i);
      expect(text).not.toContain(Buffer.from(secret).toString('base64').slice(0, 20));
    }
    // which token it was, the audit knows, by its id; the server does not
    expect(upstream.bytes).not.toContain(id);
    if (reply.status !== 405) expect(JSON.stringify(mesh.gateway('aws').audit.records)).toContain(id);
  });

  test('a token in the query of the target is no token, and goes nowhere', async () => {
    const reply = await fetch(`${url()}?access_token=${mesh.token('alice')}`, { method: 'POST', body: '{}' });
    expect(reply.status).toBe(401);
    expect(told() + (await reply.text())).not.toContain(mesh.token('alice'));
  });
});
