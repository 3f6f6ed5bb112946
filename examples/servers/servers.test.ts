/**
 * Every example server as its own process, spoken to by the official client in both eras. The servers take free ports;
 * every process is ended by SIGTERM, which is itself one of the promises.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { createInterface } from 'node:readline';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const modern = '2026-07-28';

interface Started extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly url: URL;
}

/** Resolves when the server has printed its start line. */
async function start(name: string): Promise<Started> {
  const file = new URL(`./${name}.ts`, import.meta.url).pathname;
  const child = spawn(process.execPath, [file, '--port', '0'], { stdio: ['ignore', 'pipe', 'pipe'] });
  let complaints = '';
  child.stderr.on('data', (chunk) => (complaints += chunk));
  const ended = once(child, 'exit').then(() => Promise.reject(new Error(`${name} ended: ${complaints}`)));
  const [line] = await Promise.race([once(createInterface(child.stdout), 'line'), ended]);
  ended.catch(() => {});
  const url = new URL(/http:\S+/.exec(line)?.[0] ?? '');
  return { child, url, [Symbol.asyncDispose]: () => stop(child) };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  await once(child, 'exit');
}

async function connected(url: URL, era: 'legacy' | 'modern'): Promise<Client> {
  const mode = era === 'legacy' ? 'legacy' : { pin: modern };
  const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode } });
  await client.connect(new StreamableHTTPClientTransport(url));
  return client;
}

/** A call each, and what must be in its text. */
const examples = [
  {
    server: 'mcp-analytics',
    tool: 'query_metric',
    args: { metric: 'orders', from: '2026-09-01', to: '2026-09-03' },
    says: '2026-09-02',
    tools: 3,
  },
  {
    server: 'mcp-m365',
    tool: 'get_calendar_events',
    args: { date: '2026-09-07' },
    says: '2026-09-07T09:00:00',
    tools: 4,
  },
  { server: 'mcp-devops', tool: 'get_build', args: { number: 20_431 }, says: '"commit"', tools: 5 },
  {
    server: 'mcp-bigquery',
    tool: 'run_query',
    args: { sql: 'SELECT harbour FROM logistics.shipments LIMIT 2' },
    says: 'harbour',
    tools: 4,
  },
] as const; // table

for (const { server, tool, args, says, tools } of examples) {
  describe(server, () => {
    let started: Started;
    beforeAll(async () => {
      started = await start(server);
    });
    afterAll(() => started[Symbol.asyncDispose]());

    test.each(['legacy', 'modern'] as const)('lists its tools and answers a call in the %s era', async (era) => {
      await using client = disposable(await connected(started.url, era));
      expect(client.is.getServerVersion()?.name).toBe(server);
      const listed = await client.is.listTools();
      expect(listed.tools).toHaveLength(tools);
      expect(listed.tools.every((known) => known.description && known.annotations)).toBe(true);
      const first = await client.is.callTool({ name: tool, arguments: args });
      const again = await client.is.callTool({ name: tool, arguments: args });
      expect(JSON.stringify(first.content)).toContain(says.replaceAll('"', '\\"'));
      expect(again.structuredContent).toEqual(first.structuredContent);
    });

    test('refuses arguments that its schema does not know', async () => {
      await using client = disposable(await connected(started.url, 'modern'));
      const reply = await client.is.callTool({ name: tool, arguments: { ...args, surplus: 1 } });
      expect(reply.isError).toBe(true);
    });

    test('is healthy, and closed to foreign hosts and origins', async () => {
      const status = async (path: string, headers: Record<string, string> = {}) =>
        (await fetch(new URL(path, started.url), { headers })).status;
      expect(await status('/healthz')).toBe(200);
      expect(await status('/mcp', { origin: 'https://evil.example' })).toBe(403);
      expect(await status('/.well-known/oauth-protected-resource')).toBe(404);
    });
  });
}

test.each(['legacy', 'modern'] as const)(
  'run_pipeline streams a notification for each stage in the %s era',
  async (era) => {
    await using started = await start('mcp-devops');
    await using client = disposable(await connected(started.url, era));
    const seen: string[] = [];
    const onprogress = ({ message }: { message?: string | undefined }) => seen.push(message ?? '');
    const call = { name: 'run_pipeline', arguments: { pipeline: 'gateway' } };
    const reply = await client.is.callTool(call, { onprogress });
    expect(seen).toEqual(['checkout', 'build', 'unit tests', 'integration tests', 'publish']);
    expect(reply.structuredContent).toMatchObject({ result: 'succeeded' });
  },
);

test('mcp-m365 has files as resources and a prompt', async () => {
  await using started = await start('mcp-m365');
  await using client = disposable(await connected(started.url, 'modern'));
  const { resources } = await client.is.listResources();
  expect(resources.map(({ uri }) => uri)).toContain('m365://drive/Finance/budget-q2.csv');
  const { contents } = await client.is.readResource({ uri: 'm365://drive/Finance/budget-q2.csv' });
  expect(contents).toMatchObject([{ mimeType: 'text/csv', text: expect.stringContaining('planned') }]);
  const prompt = await client.is.getPrompt({ name: 'prepare_day', arguments: { date: '2026-09-07' } });
  expect(JSON.stringify(prompt.messages)).toContain('2026-09-07');
});

test('mcp-bigquery demands that the project in the header is the project in the body', async () => {
  await using started = await start('mcp-bigquery');
  await using client = disposable(await connected(started.url, 'modern'));
  await client.is.listTools(); // the client mirrors arguments into headers once it knows the schema
  const args = { sql: 'SELECT * FROM sales.orders', project: 'harbour' };
  const reply = await client.is.callTool({ name: 'dry_run_query', arguments: args });
  expect(reply.structuredContent).toMatchObject({ project: 'harbour', bytes: 61_920_900 });
  expect(await callWithProject(started.url, args, 'another')).toMatchObject({ error: { code: -32_020 } });
  expect(await callWithProject(started.url, args, 'harbour')).toMatchObject({ result: { resultType: 'complete' } });
});

async function callWithProject(url: URL, args: object, header: string): Promise<unknown> {
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': modern,
    'io.modelcontextprotocol/clientCapabilities': {},
  };
  const reply = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': modern,
      'mcp-method': 'tools/call',
      'mcp-name': 'dry_run_query',
      'mcp-param-project': header,
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: { name: 'dry_run_query', arguments: args, _meta },
    }),
  });
  return reply.json();
}

describe('mcp-legacy', () => {
  let started: Started;
  beforeAll(async () => {
    started = await start('mcp-legacy');
  });
  afterAll(() => started[Symbol.asyncDispose]());

  test('answers the older era, with a session', async () => {
    await using client = disposable(await connected(started.url, 'legacy'));
    expect((await client.is.listTools()).tools.map(({ name }) => name)).toContain('echo');
    const reply = await client.is.callTool({ name: 'echo', arguments: { message: 'ahoy' } });
    expect(reply.content).toEqual([{ type: 'text', text: 'Echo: ahoy' }]);
    expect(client.session()).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('does not answer the newer era', async () => {
    await expect(connected(started.url, 'modern')).rejects.toThrow();
  });

  test('is healthy, and listens on loopback alone', async () => {
    expect((await fetch(new URL('/healthz', started.url))).status).toBe(200);
    const addresses = listeningAddresses(Number(started.url.port));
    if (addresses) expect(addresses).toEqual(['0100007F']);
    for (const address of outerAddresses()) expect(await answers(address, Number(started.url.port))).toBe(false);
  });
});

test.each(['mcp-m365', 'mcp-legacy'])(
  '%s ends at once and with 0 on SIGTERM, connected clients notwithstanding',
  async (name) => {
    await using started = await start(name);
    const client = await connected(started.url, 'legacy');
    started.child.kill('SIGTERM');
    expect(await once(started.child, 'exit')).toEqual([0, null]);
    await client.close().catch(() => {});
  },
);

test.each(['mcp-m365', 'mcp-legacy'])('%s says which port is taken', async (name) => {
  await using started = await start('mcp-m365');
  const file = new URL(`./${name}.ts`, import.meta.url).pathname;
  const second = spawn(process.execPath, [file, '--port', started.url.port], { stdio: ['ignore', 'ignore', 'pipe'] });
  let complaints = '';
  second.stderr.on('data', (chunk) => (complaints += chunk));
  expect(await once(second, 'close')).toEqual([1, null]);
  expect(complaints).toContain(`cannot listen on 127.0.0.1:${started.url.port}: it is taken`);
});

test.each(['', '--port x', '--port 65536', '--prot 1'])('refuses the arguments "%s"', async (line) => {
  const file = new URL('./mcp-m365.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [file, ...line.split(' ').filter(Boolean)], { stdio: 'ignore' });
  expect(await once(child, 'close')).toEqual([2, null]);
});

function disposable(client: Client) {
  const transport = client.transport as StreamableHTTPClientTransport | undefined;
  return { is: client, session: () => transport?.sessionId, [Symbol.asyncDispose]: () => client.close() };
}

/** The local addresses of a listening port as the kernel writes them, IPv6 included; undefined where there is no /proc. */
function listeningAddresses(port: number): string[] | undefined {
  if (process.platform !== 'linux') return undefined;
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((file) => readFileSync(file, 'utf8').split('\n'));
  const listening = rows
    .map((row) => row.trim().split(/\s+/))
    .filter((row) => row[3] === '0A' && row[1]?.endsWith(suffix));
  return listening.map((row) => (row[1] ?? '').slice(0, -suffix.length));
}

function outerAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((found) => found ?? []);
  return all.filter(({ family, internal }) => family === 'IPv4' && !internal).map(({ address }) => address);
}

async function answers(host: string, port: number): Promise<boolean> {
  const socket = connect({ host, port });
  const open = await Promise.race([
    once(socket, 'connect').then(() => true),
    once(socket, 'error').then(() => false),
  ]).catch(() => false);
  socket.destroy();
  return open;
}
