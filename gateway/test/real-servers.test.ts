/** The official clients, in both eras, against real MCP servers in processes of their own, behind one hop and two. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as OldTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TestMesh } from './mesh.ts';

const children: ChildProcess[] = [];
let mesh: TestMesh;

async function start(name: string): Promise<string> {
  const file = new URL(`../../examples/servers/${name}.ts`, import.meta.url).pathname;
  const child = spawn(process.execPath, [file, '--port', '0'], { stdio: ['ignore', 'pipe', 'ignore'] });
  children.push(child);
  const [line] = await once(createInterface(child.stdout), 'line');
  return /http:\S+/.exec(line)?.[0] ?? '';
}

beforeAll(async () => {
  const [legacy, m365] = await Promise.all([start('mcp-legacy'), start('mcp-m365')]);
  mesh = await TestMesh.start({
    gateways: ['aws', 'azure'],
    servers: {
      'legacy-near': { gateway: 'aws', url: legacy ?? '' },
      'legacy-far': { gateway: 'azure', url: legacy ?? '' },
      'm365-near': { gateway: 'aws', url: m365 ?? '' },
      'm365-far': { gateway: 'azure', url: m365 ?? '' },
    },
    grants: [
      ...['legacy-near', 'legacy-far', 'm365-near', 'm365-far'].map((server) => ({ user: 'alice', server })),
      { user: 'bob', server: 'm365-far', tools: ['get_calendar_events', 'search_*'] },
    ],
  });
});
afterAll(async () => {
  await mesh?.[Symbol.asyncDispose]();
  for (const child of children) child.kill();
});

const target = (server: string, user: string) => ({
  url: new URL(`${mesh.gateway('aws').door}/mcp/${server}`),
  options: { requestInit: { headers: { authorization: `Bearer ${mesh.token(user)}` } } },
});

async function connected(server: string, era: 'legacy' | 'modern', user = 'alice'): Promise<Client> {
  const mode = era === 'legacy' ? ('legacy' as const) : { pin: '2026-07-28' };
  const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode } });
  const { url, options } = target(server, user);
  await client.connect(new StreamableHTTPClientTransport(url, options));
  return client;
}

describe.each(['near', 'far'])('%s', (where) => {
  test.each(['legacy', 'modern'] as const)('a %s client lists and calls', async (era) => {
    const client = await connected(`m365-${where}`, era);
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toContain('get_calendar_events');
    const result = await client.callTool({ name: 'get_calendar_events', arguments: { date: '2026-09-07' } });
    expect(JSON.stringify(result.content)).toContain('2026-09-07T09:00:00');
    await client.close();
  });

  test('an automatic client finds the modern era', async () => {
    const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode: 'auto' } });
    const { url, options } = target(`m365-${where}`, 'alice');
    await client.connect(new StreamableHTTPClientTransport(url, options));
    expect(client.getNegotiatedProtocolVersion?.()).toBe('2026-07-28');
    await client.close();
  });

  test('sessions, streams and progress of a server that speaks only the older era; with the older SDK, too', async () => {
    const { url, options } = target(`legacy-${where}`, 'alice');
    const client = new OldClient({ name: 'old', version: '1' });
    const transport = new OldTransport(url, options);
    // its types are not written for exactOptionalPropertyTypes
    await client.connect(transport as never);
    expect(transport.sessionId).toMatch(/^[\w-]{60,1024}$/);
    const { tools } = await client.listTools();
    expect(tools.length).toBeGreaterThan(5);
    const steps: number[] = [];
    const long = {
      name: tools.find(({ name }) => /long/i.test(name))?.name ?? '',
      arguments: { duration: 0.4, steps: 4 },
    };
    await client.callTool(long, undefined, { onprogress: ({ progress }) => steps.push(progress) });
    expect(steps.length).toBeGreaterThanOrEqual(3);
    await transport.terminateSession();
    await client.close();
    const deletion = mesh
      .gateway('aws')
      .audit.records.filter(({ method }) => method === 'DELETE')
      .at(-1);
    expect(deletion).toMatchObject({ status: 'success', http_status: 200 });
  });

  test('any gateway serves any session, and none is lost by a restart of the entry', async () => {
    if (where === 'near') return;
    const { url, options } = target('legacy-far', 'alice');
    const transport = new OldTransport(url, options);
    await new OldClient({ name: 'old', version: '1' }).connect(transport as never);
    const other = new URL(`${mesh.gateway('azure').door}/mcp/legacy-far`);
    const moved = new OldTransport(other, { ...options, sessionId: transport.sessionId ?? '' });
    const client = new OldClient({ name: 'old', version: '1' });
    await client.connect(moved as never); // with a session id it does not initialize again
    expect((await client.callTool({ name: 'echo', arguments: { message: 'moved' } })).content).toMatchObject([
      { text: expect.stringContaining('moved') },
    ]);
    await Promise.all([client.close(), transport.close()]);
  });
});

test('what a user may not call he does not see, and cannot call', async () => {
  const client = await connected('m365-far', 'modern', 'bob');
  const { tools } = await client.listTools();
  expect(tools.map(({ name }) => name).sort()).toEqual(['get_calendar_events', 'search_mail']);
  await expect(client.callTool({ name: 'list_files', arguments: {} })).rejects.toThrow('Unknown tool: list_files');
  await client.close();
});

test('a client who cancels a call ends it at the server', async () => {
  const client = await connected('legacy-far', 'legacy');
  const { tools } = await client.listTools();
  const name = tools.find((tool) => /long/i.test(tool.name))?.name ?? '';
  const cancel = new AbortController();
  const progressed = Promise.withResolvers<void>();
  const called = client.callTool(
    { name, arguments: { duration: 60, steps: 600 } },
    { signal: cancel.signal, onprogress: () => progressed.resolve() },
  );
  await progressed.promise;
  cancel.abort();
  await expect(called).rejects.toThrow();
  await client.close();
});
