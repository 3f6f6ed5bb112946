/** Probes of MCP servers, over real sockets: SDK servers of each era, and servers that answer anything else or nothing. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import { compileReach, type ServerState } from '@portolan/core';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ServerProber } from '../adapters/probe/server-prober.ts';
import { compileTables } from '../adapters/snapshot/compile-tables.ts';
import { freePort } from '../adapters/stand-in/free-port.ts';
import { systemClock as clock } from '../adapters/system-clock.ts';
import { UndiciUpstreams } from '../adapters/undici-upstreams.ts';
import { Flight } from '../flights.ts';
import { TestLog, TestRegistry } from './fakes.ts';
import { endless, legacyAnswers, modernAnswers, says } from './protocol-answers.ts';
import { type Script, Upstream } from './upstream.ts';

const OWN = 'https://aws.example.com';
const children: ChildProcess[] = [];
let registry: TestRegistry;
let ending: AbortController;
let running: Promise<void> | undefined;
let upstream: Upstream;
let closing: (() => Promise<unknown>)[];

beforeEach(async () => {
  registry = new TestRegistry(undefined);
  ending = new AbortController();
  running = undefined;
  closing = [];
  upstream = await Upstream.start();
});
afterEach(async () => {
  ending.abort();
  await running;
  await Promise.all(closing.map((close) => close()));
  await upstream[Symbol.asyncDispose]();
});
afterAll(() => {
  for (const child of children) child.kill();
});

/** Servers by name and URL, which the gateway of `proxyUrl` can reach. */
async function register(servers: Readonly<Record<string, string>>, proxyUrl = OWN): Promise<void> {
  const tables = {
    peers: [],
    servers: Object.entries(servers).map(([name, url]) => ({ name, url, proxyUrl, gateway: 'aws' })),
    grants: [],
    tokens: [],
  };
  registry.set(
    await compileTables({
      federation: 'test',
      gateway: 'aws',
      url: OWN,
      revision: 1,
      issuedAt: Date.now(),
      maxStalenessMs: 60_000,
      caBundle: ['x'],
      snapshotKeys: [{}],
      sealingKeys: [],
      tables,
    }),
  );
}

function prober(
  options: { readonly everyMs?: number; readonly probeMs?: number; readonly reach?: string } = {},
): ServerProber {
  const mayDial = compileReach([{ cidr: options.reach ?? '127.0.0.0/8' }]);
  const upstreams = new UndiciUpstreams({ registry, mayDial });
  closing.push(() => upstreams.close());
  const made = new ServerProber({ registry, upstreams, clock, log: new TestLog(), version: '1', ...options });
  running = made.run(ending.signal);
  return made;
}

const until = (condition: () => unknown) => expect.poll(condition, { timeout: 5_000, interval: 5 });
const stateOf = (from: ServerProber, name = 's') => from.states().find(({ server }) => server === name);
async function probed(name = 's', options: Parameters<typeof prober>[0] = {}): Promise<ServerState> {
  const made = prober(options);
  await until(() => stateOf(made, name)).toBeDefined();
  return stateOf(made, name) as ServerState;
}

/** A server of `examples/servers`, in a process of its own. */
async function example(name: string): Promise<string> {
  const file = new URL(`../../examples/servers/${name}.ts`, import.meta.url).pathname;
  const child = spawn(process.execPath, [file, '--port', '0'], { stdio: ['ignore', 'pipe', 'ignore'] });
  children.push(child);
  const [line] = await once(createInterface(child.stdout), 'line');
  return /http:\S+/.exec(line)?.[0] ?? '';
}

/** A server on the SDK that refuses the older era. */
async function modernServer(): Promise<string> {
  const handler = createMcpHandler(
    () => {
      const server = new McpServer({ name: 'modern-only', version: '3' });
      server.registerTool('one', { description: 'x' }, () => ({ content: [] }));
      return server;
    },
    { legacy: 'reject' },
  );
  const server = createServer(toNodeHandler(handler) as never).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
}

const asked = (): string[] => upstream.seen.map(({ method, body }) => (body ? JSON.parse(body).method : method));

describe('a server on the SDK', () => {
  test('that speaks both eras, one that speaks the older alone, one that refuses it', async () => {
    const [both, legacy, modern] = await Promise.all([example('mcp-m365'), example('mcp-legacy'), modernServer()]);
    await register({ both, legacy, modern });
    const made = prober();
    await until(() => made.states().length).toBe(3);
    const well = { reachable: true, lastError: null, latencyMs: expect.any(Number) };
    expect(stateOf(made, 'both')).toMatchObject({
      ...well,
      era: 'dual',
      protocolVersions: ['2026-07-28', '2025-11-25'],
      serverInfo: { name: 'mcp-m365' },
    });
    expect(stateOf(made, 'both')?.tools).toBeGreaterThan(2);
    expect(stateOf(made, 'legacy')).toMatchObject({ ...well, era: 'legacy', protocolVersions: ['2025-11-25'] });
    expect(stateOf(made, 'legacy')?.tools).toBeGreaterThan(5);
    expect(stateOf(made, 'modern')).toMatchObject({
      ...well,
      era: 'modern',
      protocolVersions: ['2026-07-28'],
      serverInfo: { name: 'modern-only', version: '3' },
      tools: 1,
    });
  });
});

describe('a probe', () => {
  test('of a legacy server ends the session that it opened, and shows a terminal nothing that it would obey', async () => {
    upstream.script = legacyAnswers;
    await register({ s: upstream.url });
    expect(await probed()).toMatchObject({
      reachable: true,
      era: 'legacy',
      protocolVersions: ['2025-06-18'],
      serverInfo: { name: 'o[31m', version: '1' },
      tools: 1,
    });
    expect(asked()).toEqual(['server/discover', 'initialize', 'notifications/initialized', 'tools/list', 'DELETE']);
    expect(upstream.seen.at(-1)?.headers).toMatchObject({
      'mcp-session-id': 'one',
      'mcp-protocol-version': '2025-06-18',
    });
    for (const { headers } of upstream.seen) expect(headers.authorization).toBeUndefined();
  });

  test('of a server that keeps its sessions opens no other one', async () => {
    upstream.script = (seen, response) =>
      seen.method === 'DELETE' ? void response.writeHead(405).end() : legacyAnswers(seen, response);
    await register({ s: upstream.url });
    prober({ everyMs: 20 });
    await until(() => asked().filter((method) => method === 'server/discover').length).toBeGreaterThan(3);
    expect(asked().filter((method) => method === 'initialize').length).toBe(1);
  });

  test('counts tools over pages, and gives a list without an end up', async () => {
    upstream.script = modernAnswers(({ cursor }) =>
      cursor === undefined ? { tools: [1, 2], nextCursor: 'b' } : { tools: [3] },
    );
    await register({ s: upstream.url });
    expect(await probed()).toMatchObject({ reachable: true, era: 'modern', tools: 3, lastError: null });
    ending.abort();
    await running;
    ending = new AbortController();
    upstream.script = modernAnswers(() => ({ tools: [1], nextCursor: 'again' }));
    expect(await probed()).toMatchObject({
      reachable: true,
      era: 'modern',
      tools: null,
      lastError: { code: 'upstream_invalid', message: expect.stringContaining('more than 20 pages') },
    });
  });

  test('reads its answer out of a stream', async () => {
    upstream.script = ({ body }, response) => {
      const { id, method } = JSON.parse(body);
      if (method !== 'server/discover') return void response.writeHead(404).end();
      const answer = { jsonrpc: '2.0', id, result: { supportedVersions: ['2026-07-28'], capabilities: {} } };
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(
        `: hello\n\ndata: {"jsonrpc":"2.0","method":"notifications/message"}\n\ndata: ${JSON.stringify(answer)}\n\n`,
      );
    };
    await register({ s: upstream.url });
    expect(await probed()).toMatchObject({ reachable: true, era: 'modern', tools: 0, lastError: null });
  });

  test('knows HTTP+SSE, and says that it is not passed through', async () => {
    upstream.script = ({ method }, response) => {
      if (method === 'POST') return void response.writeHead(404).end();
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('event: endpoint\ndata: /messages?sessionId=1\n\n');
    };
    await register({ s: upstream.url });
    expect(await probed()).toMatchObject({
      reachable: true,
      era: 'http+sse',
      lastError: { code: 'upstream_invalid', message: expect.stringContaining('HTTP+SSE') },
    });
  });
});

describe('a server that is none, or not well', () => {
  test.each<[string, Script, Partial<ServerState>, string, RegExp]>([
    ['401', says(401), { reachable: true, era: null }, 'upstream_invalid', /401.*credentials/],
    ['403', says(403), { reachable: true, era: null }, 'upstream_invalid', /403/],
    ['500', says(500), { reachable: false, era: null }, 'upstream_invalid', /500/],
    [
      '500 in JSON-RPC',
      says(500, 'application/json', '{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":""}}'),
      { reachable: false, era: null },
      'upstream_invalid',
      /500/,
    ],
    ['a page', says(200), { reachable: false, era: null }, 'upstream_invalid', /200 without MCP/],
    [
      'broken JSON',
      says(200, 'application/json', '{"jsonrpc":'),
      { reachable: false },
      'upstream_invalid',
      /without MCP/,
    ],
    ['404 for everything', says(404), { reachable: false, era: null }, 'upstream_invalid', /404/],
    ['silence', () => {}, { reachable: false, era: null }, 'upstream_timeout', /in time/],
    [
      'half an answer',
      (_seen, response) => void response.writeHead(200, { 'content-type': 'application/json' }).write('{'),
      { reachable: false },
      'upstream_timeout',
      /in time/,
    ],
    ['an endless body', endless('application/json', ' '), { reachable: false }, 'upstream_invalid', /more than/],
    [
      'an endless stream',
      endless('text/event-stream', 'data: 1\n\n'),
      { reachable: false },
      'upstream_invalid',
      /more than/,
    ],
    [
      'an endless event',
      endless('text/event-stream', 'data: 1\n'),
      { reachable: false },
      'upstream_invalid',
      /more than/,
    ],
    [
      'a connection that breaks',
      (_seen, response) => void response.destroy(),
      { reachable: false },
      'upstream_failed',
      /broke off/,
    ],
    [
      'a redirect elsewhere',
      (_seen, response) => void response.writeHead(307, { location: 'http://169.254.169.254/' }).end(),
      { reachable: false },
      'upstream_invalid',
      /307/,
    ],
  ])('%s', async (_what, script, state, code, message) => {
    upstream.script = script;
    await register({ s: upstream.url });
    const lastError = { code, message: expect.stringMatching(message), at: expect.any(Number) };
    expect(await probed('s', { probeMs: 1_000 })).toMatchObject({ ...state, tools: null, lastError });
  });

  test('each session of a server that then says nothing is ended, once', async () => {
    upstream.script = ({ body, method }, response) => {
      if (method === 'DELETE') return void response.writeHead(200).end();
      const begun = JSON.parse(body).method === 'initialize';
      if (!begun) return void response.writeHead(400, { 'mcp-session-id': 'none' }).end();
      response.writeHead(200, { 'content-type': 'text/event-stream', 'mcp-session-id': 'one' }).flushHeaders();
    };
    await register({ s: upstream.url });
    await probed('s', { probeMs: 500 });
    const ended = upstream.seen.filter(({ method }) => method === 'DELETE');
    expect(ended.map(({ headers }) => headers['mcp-session-id']).sort()).toEqual(['none', 'one']);
  });

  test('nothing listens; it lies out of reach', async () => {
    await register({ s: `http://127.0.0.1:${await freePort()}/mcp` });
    expect(await probed()).toMatchObject({ reachable: false, lastError: { code: 'upstream_down' } });
    ending.abort();
    await running;
    ending = new AbortController();
    await register({ s: upstream.url });
    expect(await probed('s', { reach: '10.0.0.0/8' })).toMatchObject({
      reachable: false,
      lastError: { code: 'upstream_out_of_reach' },
    });
    expect(upstream.seen).toEqual([]);
  });
});

describe('over time', () => {
  test("what is another gateway's is not probed; what is new is at once; what is gone, or has moved, is forgotten", async () => {
    upstream.script = modernAnswers(() => ({ tools: [] }));
    await register({ s: upstream.url }, 'https://azure.example.com');
    const made = prober();
    await register({ far: upstream.url }, 'https://azure.example.com');
    expect(made.states()).toEqual([]);
    await register({ s: upstream.url });
    await until(() => stateOf(made)?.era).toBe('modern');
    await register({ s: `http://127.0.0.1:${await freePort()}/mcp` });
    await until(() => stateOf(made)).toMatchObject({ reachable: false, era: null });
    await register({});
    await until(() => made.states()).toEqual([]);
  });

  test('a legacy verdict does not last: the server learns the newer era and is found out; so is one that unlearns it', async () => {
    upstream.script = legacyAnswers;
    await register({ s: upstream.url });
    const made = prober({ everyMs: 20 });
    await until(() => stateOf(made)?.era).toBe('legacy');
    upstream.script = modernAnswers(() => ({ tools: [1, 2] }));
    await until(() => stateOf(made)).toMatchObject({ era: 'modern', protocolVersions: ['2026-07-28'], tools: 2 });
    upstream.script = legacyAnswers;
    await until(() => stateOf(made)).toMatchObject({ era: 'legacy', tools: 1 });
  });

  test('what decides nothing leaves the verdict with its date, and says so', async () => {
    upstream.script = modernAnswers(() => ({ tools: [1] }));
    await register({ s: upstream.url });
    const made = prober({ everyMs: 20 });
    await until(() => stateOf(made)?.era).toBe('modern');
    upstream.script = (_seen, response) => void response.writeHead(503).end();
    await until(() => stateOf(made)?.reachable).toBe(false);
    const state = stateOf(made);
    expect(state).toMatchObject({ era: 'modern', tools: 1, protocolVersions: ['2026-07-28'] });
    expect(state?.eraAt).toBeLessThan(state?.checkedAt ?? 0);
    upstream.script = modernAnswers(() => ({ tools: [1] }));
    await until(() => stateOf(made)?.reachable).toBe(true);
    expect(stateOf(made)?.lastError).toMatchObject({ code: 'upstream_invalid', at: state?.lastError?.at });
  });

  test('calls that fail, and calls that succeed again, bring a probe at once', async () => {
    upstream.script = modernAnswers(() => ({ tools: [] }));
    await register({ s: upstream.url });
    const made = prober();
    const calls = new UndiciUpstreams({ registry, mayDial: () => true, watch: made });
    closing.push(() => calls.close());
    await until(() => stateOf(made)?.reachable).toBe(true);
    const server = registry.current()?.servers.get('s');
    if (!server) throw new Error('not registered');
    const call = async (): Promise<void> => {
      const body = Buffer.from('{"id":1,"method":"ping"}');
      const exchange = { method: 'POST', headers: [], body, ending: new Flight([]) } as const;
      const answer = await calls.open(server, exchange).catch(() => undefined);
      await answer?.body[Symbol.asyncIterator]().return?.();
    };
    upstream.script = (_seen, response) => void response.destroy();
    await call();
    await until(() => stateOf(made)?.reachable).toBe(false); // the next in turn would come after minutes
    // many failures later it would come after a minute
    upstream.script = modernAnswers(() => ({ tools: [] }));
    await until(async () => {
      await call();
      return stateOf(made)?.reachable;
    }).toBe(true);
  });

  test('many servers are probed a few at a time', async () => {
    let open = 0;
    let most = 0;
    upstream.script = (seen, response) => {
      open += 1;
      most = Math.max(most, open);
      setTimeout(() => {
        open -= 1;
        modernAnswers(() => ({ tools: [] }))(seen, response);
      }, 5);
    };
    await register(Object.fromEntries(Array.from({ length: 50 }, (_, at) => [`s${at}`, upstream.url])));
    const made = prober();
    await until(() => made.states().length).toBe(50);
    expect(most).toBeGreaterThan(4);
    expect(most).toBeLessThanOrEqual(8);
  });
});
