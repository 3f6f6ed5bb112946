/**
 * A header that says another method, name or version than the body: whoever decides on the one while the server acts on the other has been deceived.
 * Every such pair is refused where the caller comes in (MCP 2026-07-28, Streamable HTTP "Request headers"; SEP-2243), and what is no contradiction passes.
 */
import { beforeEach, describe, expect, test } from 'vitest';
import { call, outcome } from '../../gateway/test/post.ts';
import { exchange, plain, request } from '../../gateway/test/raw-http.ts';
import { threeClouds } from '../../gateway/test/three-clouds.ts';
import { answerEcho } from '../../gateway/test/upstream.ts';

const world = threeClouds();
const VERSION = '2026-07-28';
const META = {
  'io.modelcontextprotocol/protocolVersion': VERSION,
  'io.modelcontextprotocol/clientCapabilities': {},
};
type Headers = Readonly<Record<string, string>>;
const RIGHT: Headers = { 'mcp-protocol-version': VERSION, 'mcp-method': 'tools/call', 'mcp-name': 'echo' };
const without = (headers: Headers, name: string): Headers =>
  Object.fromEntries(Object.entries(headers).filter(([key]) => key !== name));

const message = (method: string, params: object, meta: object | null = META) => ({
  jsonrpc: '2.0',
  id: 1,
  method,
  params: { ...params, ...(meta && { _meta: meta }) },
});
const echo = (meta: object | null = META) => message('tools/call', { name: 'echo' }, meta);
const named = (name: string) => message('tools/call', { name });
const sentinel = (text: string) => `=?base64?${Buffer.from(text).toString('base64')}?=`;

// table: what, headers, body, JSON-RPC code
const contradictions: readonly (readonly [string, Headers, unknown, number])[] = [
  ['no Mcp-Method', without(RIGHT, 'mcp-method'), echo(), -32020],
  ['no Mcp-Name', without(RIGHT, 'mcp-name'), echo(), -32020],
  ['no MCP-Protocol-Version', without(RIGHT, 'mcp-protocol-version'), echo(), -32020],
  ['another method', { ...RIGHT, 'mcp-method': 'tools/list' }, echo(), -32020],
  ['the method in other case', { ...RIGHT, 'mcp-method': 'TOOLS/CALL' }, echo(), -32020],
  ['another name', { ...RIGHT, 'mcp-name': 'other' }, echo(), -32020],
  ['the name in other case', { ...RIGHT, 'mcp-name': 'Echo' }, echo(), -32020],
  ['the name and more', { ...RIGHT, 'mcp-name': 'echo2' }, echo(), -32020],
  ['an empty name', { ...RIGHT, 'mcp-name': '' }, echo(), -32020],
  ['another name in base64', { ...RIGHT, 'mcp-name': sentinel('other') }, echo(), -32020],
  ['base64 with wrong padding', { ...RIGHT, 'mcp-name': '=?base64?ZWNobw=?=' }, echo(), -32020],
  ['base64 with another alphabet', { ...RIGHT, 'mcp-name': '=?base64?ZW_obw==?=' }, echo(), -32020],
  ['base64 with bits left over', { ...RIGHT, 'mcp-name': '=?base64?ZWNobx==?=' }, echo(), -32020],
  ['base64 that is no UTF-8', { ...RIGHT, 'mcp-name': '=?base64?/w==?=' }, named('\ufffd'), -32020],
  [
    'a base64 mark in other case',
    { ...RIGHT, 'mcp-name': sentinel('echo').replace('base64', 'BASE64') },
    echo(),
    -32020,
  ],
  ['an older version than the body', { ...RIGHT, 'mcp-protocol-version': '2025-11-25' }, echo(), -32020],
  ['a newer version than the body', { ...RIGHT, 'mcp-protocol-version': '2030-01-01' }, echo(), -32020],
  [
    'another URI',
    { ...RIGHT, 'mcp-method': 'resources/read', 'mcp-name': 'docs://b' },
    message('resources/read', { uri: 'docs://a' }),
    -32020,
  ],
  [
    'another prompt',
    { ...RIGHT, 'mcp-method': 'prompts/get', 'mcp-name': 'b' },
    message('prompts/get', { name: 'a' }),
    -32020,
  ],
  [
    'another task',
    { ...RIGHT, 'mcp-method': 'tasks/get', 'mcp-name': 'b' },
    message('tasks/get', { taskId: 'a' }),
    -32020,
  ],
  ['a modern header without _meta', RIGHT, echo(null), -32602],
  ['a modern header with a _meta of something else', RIGHT, echo({ progressToken: 1 }), -32602],
  ['no client capabilities', RIGHT, echo({ 'io.modelcontextprotocol/protocolVersion': VERSION }), -32602],
  ['a version that is a number', RIGHT, echo({ ...META, 'io.modelcontextprotocol/protocolVersion': 20260728 }), -32602],
  [
    'a version that never had _meta',
    { ...RIGHT, 'mcp-protocol-version': '2025-11-25' },
    echo({ ...META, 'io.modelcontextprotocol/protocolVersion': '2025-11-25' }),
    -32022,
  ],
  ['an id that is null', RIGHT, { ...echo(), id: null }, -32600],
  ['a batch', RIGHT, [echo()], -32600],
  ['a response in modern dress', RIGHT, { jsonrpc: '2.0', id: 1, result: {} }, -32600],
];

describe.each(['/mcp/near', '/mcp/far'])('%s', (path) => {
  beforeEach(() => {
    world.upstream.script = (seen, response) =>
      seen.body.includes('"id"') ? answerEcho(seen, response) : void response.writeHead(202).end();
  });

  test.each(contradictions)('%s: 400, recorded, and the server sees nothing', async (_what, headers, body, code) => {
    const reply = await world.ask(path, body, { token: world.mesh.token('alice'), headers });
    expect(await outcome(reply)).toMatchObject({ status: 400, body: { error: { code, data: { hop: 'aws' } } } });
    expect(world.aws().audit.records).toMatchObject([{ status: 'refused', http_status: 400, user: 'alice' }]);
    expect(world.upstream.seen).toEqual([]);
  });

  test.each<[string, readonly string[]]>([
    ['MCP-Protocol-Version', ['mcp-protocol-version: 2025-11-25', `MCP-Protocol-Version: ${VERSION}`]],
    ['the same MCP-Protocol-Version', [`mcp-protocol-version: ${VERSION}`, `mcp-protocol-version: ${VERSION}`]],
    ['Mcp-Method', ['mcp-method: tools/call', 'MCP-METHOD: tools/list']],
    ['Mcp-Name', ['mcp-name: echo', 'mcp-name: other']],
    ['Mcp-Param-Region', ['mcp-param-region: eu', 'Mcp-Param-Region: us']],
  ])(
    '%s twice: 400, in a legacy request, too: who reads the first and who reads the last see two',
    async (_what, lines) => {
      for (const body of [call('echo'), echo()]) {
        const own = lines.map((line) => line.slice(0, line.indexOf(':')).toLowerCase());
        const others = Object.entries(RIGHT).filter(([name]) => !own.includes(name));
        const head = [
          `POST ${path} HTTP/1.1`,
          'host: localhost',
          `authorization: Bearer ${world.mesh.token('alice')}`,
          'content-type: application/json',
          ...('_meta' in body.params ? others.map(([name, value]) => `${name}: ${value}`) : []),
          ...lines,
        ];
        const reply = await exchange(plain(world.aws().loopback.port), request(head, JSON.stringify(body)));
        expect(reply.status).toBe(400);
      }
      expect(world.upstream.seen).toEqual([]);
    },
  );

  test.each<[string, Headers, unknown]>([
    ['as it is', RIGHT, echo()],
    ['with blanks around the values', { ...RIGHT, 'mcp-name': ' echo\t', 'mcp-method': '  tools/call ' }, echo()],
    ['in base64', { ...RIGHT, 'mcp-name': sentinel('echo') }, echo()],
    ['in base64, as it must be', { ...RIGHT, 'mcp-name': sentinel('Währung 🧭') }, named('Währung 🧭')],
    ['of a list', without({ ...RIGHT, 'mcp-method': 'tools/list' }, 'mcp-name'), message('tools/list', {})],
    ['with an unknown parameter', { ...RIGHT, 'mcp-param-x': 'y' }, echo()],
    ['with a session id, which is ignored', { ...RIGHT, 'mcp-session-id': 'forged' }, echo()],
  ])('a right request %s passes', async (_what, headers, body) => {
    const reply = await world.ask(path, body, { token: world.mesh.token('alice'), headers });
    expect((await outcome(reply)).status).toBe(200);
    expect(world.upstream.seen[0]?.headers).not.toHaveProperty('mcp-session-id');
  });

  test('a right request of a task without a name is not refused for that', async () => {
    const headers = without({ ...RIGHT, 'mcp-method': 'tasks/get' }, 'mcp-name');
    const body = message('tasks/get', { taskId: 'a' });
    const reply = await world.ask(path, body, { token: world.mesh.token('alice'), headers });
    expect(await outcome(reply)).toMatchObject({ body: { error: { data: { code: 'capability_missing' } } } });
  });
});
