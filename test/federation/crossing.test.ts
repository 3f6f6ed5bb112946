/**
 * The first crossing, on a federation stood up as a user does it: an agent in aws calls a tool whose server only azure can reach.
 * The tests build on one stack and leave it as they found it; what breaks the stack on purpose stands in repair.test.ts and outage.test.ts.
 */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Client as OlderClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as OlderTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { Agent, request } from 'undici';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually, type Federation, startFederation } from '../harness/federation.ts';

const exec = promisify(execFile);
const DATE = '2026-11-23';
let federation: Federation;
let alice: string;
let bob: string;

beforeAll(async () => {
  federation = await startFederation('crossing');
  alice = federation.local.users.alice?.token ?? '';
  bob = federation.local.users.bob?.token ?? '';
}, 300_000);
afterAll(async () => {
  await federation?.[Symbol.asyncDispose]();
}, 120_000);

describe('a call that crosses', () => {
  test('reaches the tool, and its audit row says which way it went', async () => {
    const reply = await federation.callTool('aws', 'mcp-m365', alice, 'get_calendar_events', { date: DATE });
    expect(reply.status, reply.text).toBe(200);
    expect(reply.message.result.structuredContent.date).toBe(DATE);
    const row = await federation.rowOf(reply);
    expect(row).toMatchObject({
      user: 'alice',
      mcp_server: 'mcp-m365',
      tool: 'get_calendar_events',
      entry_gateway: 'aws',
      handling_gateway: 'azure',
      proxy_hops: 1,
      status: 'success',
    });
    expect(row.total_latency_ms).toBeGreaterThan(0);
    const both = await eventually('records of both gateways', async () => {
      const now = await federation.rowOf(reply);
      return now.hops.length === 2 ? now.hops : undefined;
    });
    expect(both.map((hop) => [hop.gateway, hop.role]).sort()).toEqual([
      ['aws', 'entry'],
      ['azure', 'handling'],
    ]);
    for (const field of [
      'request_id',
      'trace_id',
      'user',
      'mcp_server',
      'tool',
      'entry_gateway',
      'handling_gateway',
      'proxy_hops',
    ]) {
      expect(new Set(both.map((hop) => hop[field])).size, `both gateways agree on ${field}`).toBe(1);
    }
  });

  test('is made by the very command that up prints, with the token in a file', async () => {
    const { output } = await federation.up();
    const command = output.split('\n').find((line) => line.trim().startsWith('curl ')) ?? '';
    const whole = output.slice(output.indexOf(command.trim()));
    const text = whole.split(/\n\s*\n/)[0]?.replace(/\\\n/g, ' ') ?? '';
    expect(text).toContain('-H @');
    expect(text).not.toContain('ptl_');
    const { stdout } = await exec('bash', ['-c', text], { cwd: join(federation.dir, '..', '..') });
    expect(stdout).toContain('structuredContent');
  }, 120_000);

  test.each(['/api/llm/mcp/mcp-m365/server', '/default/mcp/mcp-m365/server', '/mcp/mcp-m365/'])(
    'also at %s',
    async (path) => {
      const answer = await request(`${federation.local.gateways.aws?.url}${path}`, {
        method: 'POST',
        headers: {
          authorization: `Bearer Bearer ${alice}`,
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
        },
        body: JSON.stringify({ jsonrpc: '2.0', id: 7, method: 'tools/list' }),
      });
      expect(answer.statusCode).toBe(200);
      expect(await answer.body.text()).toContain('get_calendar_events');
    },
  );

  test('works on the TLS URL with the local CA', async () => {
    const agent = new Agent({ connect: { ca: await readFile(federation.local.caFile, 'utf8') } });
    const answer = await request(`${federation.local.gateways.aws?.tlsUrl}/mcp/mcp-m365`, {
      method: 'POST',
      dispatcher: agent,
      headers: {
        authorization: `Bearer ${alice}`,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' }),
    });
    expect(answer.statusCode).toBe(200);
    await answer.body.dump();
    await agent.close();
  });

  test('carries the trace over both gateways', async () => {
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
    const message = {
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: { name: 'get_calendar_events', arguments: { date: DATE } },
    };
    const reply = await federation.send('gcp', 'mcp-m365', alice, message, {
      traceparent: `00-${traceId}-00f067aa0ba902b7-01`,
    });
    const row = await federation.rowOf(reply);
    expect(row.trace_id).toBe(traceId);
    expect(row.entry_gateway).toBe('gcp');
  });
});

describe('every server from every gateway', () => {
  const gateways = ['aws', 'azure', 'gcp', 'onprem'];
  const servers = ['mcp-analytics', 'mcp-m365', 'mcp-devops', 'mcp-bigquery', 'mcp-legacy'];

  test.each(gateways)('an older client at %s lists the tools of all five', async (gateway) => {
    for (const server of servers) {
      const client = new OlderClient({ name: 'test', version: '1' });
      const url = new URL(`${federation.local.gateways[gateway]?.url}/mcp/${server}`);
      const transport = new OlderTransport(url, { requestInit: { headers: { authorization: `Bearer ${alice}` } } });
      // biome-ignore lint/suspicious/noExplicitAny: the SDK's own transport type disagrees under exactOptionalPropertyTypes
      await client.connect(transport as any);
      expect((await client.listTools()).tools.length, `${server} at ${gateway}`).toBeGreaterThan(2);
      await client.close();
    }
  });

  test('a modern client calls a modern server across two gateways', async () => {
    const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode: 'auto' } });
    const url = new URL(`${federation.local.gateways.onprem?.url}/mcp/mcp-m365`);
    await client.connect(
      new StreamableHTTPClientTransport(url, { requestInit: { headers: { authorization: `Bearer ${alice}` } } }),
    );
    expect(client.getNegotiatedProtocolVersion?.()).toBe('2026-07-28');
    const result = await client.callTool({ name: 'get_calendar_events', arguments: { date: DATE } });
    expect(result.isError ?? false).toBe(false);
    await client.close();
  });

  test('a legacy session lives at any entry gateway, and belongs to its principal alone', async () => {
    const initialize = {
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
    };
    const first = await federation.send('aws', 'mcp-legacy', alice, initialize);
    const session = { 'mcp-session-id': String(first.headers['mcp-session-id']), 'mcp-protocol-version': '2025-11-25' };
    expect(session['mcp-session-id'].length).toBeLessThanOrEqual(1024);
    const initialized = await federation.send(
      'aws',
      'mcp-legacy',
      alice,
      { jsonrpc: '2.0', method: 'notifications/initialized' },
      session,
    );
    expect(initialized.status).toBe(202);
    const list = { jsonrpc: '2.0', id: 2, method: 'tools/list' };
    expect(
      (await federation.send('gcp', 'mcp-legacy', alice, list, session)).message.result.tools.length,
    ).toBeGreaterThan(2);
    // bob gets a grant on this server only for this question: a stolen id must look unknown, not forbidden
    await federation.api('PUT', '/grants/test-bob-legacy', {
      principal: { kind: 'user', name: 'bob' },
      server: 'mcp-legacy',
      everything: true,
    });
    const stolen = await eventually('bob may use mcp-legacy', async () => {
      const reply = await federation.send('aws', 'mcp-legacy', bob, list, session);
      return reply.message?.error?.message?.startsWith('Unknown MCP server') ? undefined : reply;
    });
    expect(stolen.status, stolen.text).toBe(404);
    const row = await federation.rowOf(stolen);
    expect(row).toMatchObject({ status: 'refused', code: 'session_not_found', user: 'bob', mcp_server: 'mcp-legacy' });
    await federation.api('DELETE', '/grants/test-bob-legacy');
  });
});

describe('what bob may not see does not exist', () => {
  test('a tool without a grant is absent from the list and unknown to the call', async () => {
    const list = { jsonrpc: '2.0', id: 1, method: 'tools/list' };
    const names = async (token: string) =>
      (await federation.send('aws', 'mcp-m365', token, list)).message.result.tools.map(
        (tool: { name: string }) => tool.name,
      );
    const [all, some] = [await names(alice), await names(bob)];
    expect(some.length).toBeGreaterThan(0);
    expect(some.length).toBeLessThan(all.length);
    const hidden = all.find((name: string) => !some.includes(name));
    const refused = await federation.callTool('aws', 'mcp-m365', bob, hidden);
    const unknown = await federation.callTool('aws', 'mcp-m365', bob, 'no_such_tool');
    expect([refused.status, unknown.status]).toEqual([200, 200]);
    expect(refused.message.error).toMatchObject({ code: -32602, message: `Unknown tool: ${hidden}` });
    expect(unknown.message.error).toMatchObject({ code: -32602, message: 'Unknown tool: no_such_tool' });
  });

  test('a server without a grant answers like one that is not there', async () => {
    const masked = (text: string, name: string) =>
      text.replaceAll(name, '<server>').replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '<id>');
    const refused = await federation.callTool('aws', 'mcp-devops', bob, 'anything');
    const unknown = await federation.callTool('aws', 'mcp-nowhere', bob, 'anything');
    expect([refused.status, unknown.status]).toEqual([404, 404]);
    expect(masked(refused.text, 'mcp-devops')).toBe(masked(unknown.text, 'mcp-nowhere'));
    const row = await federation.rowOf(refused);
    expect(row).toMatchObject({ status: 'refused', code: 'no_grant', user: 'bob' });
  });
});

describe('what the operator sees', () => {
  test('metrics at the gateway and summed by the control plane', async () => {
    const port = federation.portBase;
    const scrape = async (offset: number) => (await request(`http://127.0.0.1:${port + offset}/metrics`)).body.text();
    expect(await scrape(13)).toMatch(/mcp_requests_total\{[^}]*server="mcp-m365"[^}]*\} [1-9]/);
    expect(await scrape(13)).toMatch(/mcp_proxy_requests_total\{/);
    expect(await scrape(13)).toMatch(/mcp_proxy_latency_ms_bucket\{/);
    await eventually('the sums', async () => {
      const text = await scrape(3);
      return /mcp_requests_total\{[^}]*gateway="aws"[^}]*\} [1-9]/.test(text) ? true : undefined;
    });
  });

  test('status: every gateway connected, no lag, no drift', async () => {
    const status = await eventually('all connected', async () => {
      const { message } = await federation.api('GET', '/status');
      return message.gateways.every((one: { connected: boolean; lag: number }) => one.connected && one.lag === 0)
        ? message
        : undefined;
    });
    expect(status.gateways.map((one: { name: string }) => one.name)).toEqual(['aws', 'azure', 'gcp', 'onprem']);
    expect(status.gateways.every((one: { drift: boolean }) => one.drift === false)).toBe(true);
  });

  test('status: every MCP server as its gateway finds it, in the API and in the command', async () => {
    const found = async () => (await federation.api('GET', '/status')).message.mcpServers;
    const servers = await eventually('all reachable', async () => {
      const now = await found();
      return now.every((one: { reachable: boolean }) => one.reachable) ? now : undefined;
    });
    const eras = servers.map((one: { name: string; gateway: string; era: string }) => [one.name, one.gateway, one.era]);
    expect(eras).toEqual([
      ['mcp-analytics', 'aws', 'dual'],
      ['mcp-bigquery', 'gcp', 'dual'],
      ['mcp-devops', 'azure', 'dual'],
      ['mcp-legacy', 'onprem', 'legacy'],
      ['mcp-m365', 'azure', 'dual'],
    ]);
    for (const one of servers) expect(one).toMatchObject({ tools: expect.any(Number), checkedAt: expect.any(String) });
    const main = join(import.meta.dirname, '..', '..', 'tools', 'start.mjs');
    const { stdout } = await exec(process.execPath, [main, 'status', '--stack', federation.stack, '--json']);
    expect(JSON.parse(stdout).servers.map((one: { era: string }) => one.era)).toEqual(
      eras.map(([, , era]: string[]) => era),
    );
  });

  test('every route of the API stands in its OpenAPI 3.1 document', async () => {
    const { message } = await federation.api('GET', '/openapi.json');
    expect(message.openapi).toMatch(/^3\.1/);
    for (const path of [
      'gateways',
      'mcp-servers',
      'users',
      'virtual-accounts',
      'grants',
      'tokens',
      'audit',
      'status',
    ]) {
      expect(
        Object.keys(message.paths).some((known) => known.endsWith(`/${path}`)),
        path,
      ).toBe(true);
    }
  });

  test('a clean checkout stays clean', async () => {
    const { stdout } = await exec('git', ['status', '--porcelain', '--ignored=no', '.portolan'], {
      cwd: join(federation.dir, '..', '..'),
    });
    expect(stdout).toBe('');
  });
});

describe('a client without a valid token', () => {
  test('gets 401 without resource_metadata, and no sign-in is offered', async () => {
    const url = `${federation.local.gateways.aws?.url}`;
    const answer = await request(`${url}/mcp/mcp-m365`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    });
    expect(answer.statusCode).toBe(401);
    expect(String(answer.headers['www-authenticate'])).toMatch(/^Bearer/);
    expect(String(answer.headers['www-authenticate'])).not.toContain('resource_metadata');
    await answer.body.dump();
    const metadata = await request(`${url}/.well-known/oauth-protected-resource/mcp/mcp-m365`);
    expect(metadata.statusCode).toBe(404);
    expect(String(metadata.headers['content-type'])).toContain('application/json');
    await metadata.body.dump();
  });

  test('a revoked token stops working at every gateway, and the refusal is audited', async () => {
    const issued = await federation.api('POST', '/tokens', {
      principal: { kind: 'user', name: 'bob' },
      expiresInSeconds: 600,
    });
    const { token, id } = issued.message;
    const call = (gateway: string) =>
      federation.callTool(gateway, 'mcp-m365', token, 'get_calendar_events', { date: DATE });
    for (const gateway of ['aws', 'azure']) {
      await eventually(`token known at ${gateway}`, async () =>
        (await call(gateway)).status === 200 ? true : undefined,
      );
    }
    expect((await federation.api('DELETE', `/tokens/${id}`)).status).toBeLessThan(300);
    for (const gateway of ['aws', 'azure']) {
      const refused = await eventually(`token refused at ${gateway}`, async () => {
        const reply = await call(gateway);
        return reply.status === 401 ? reply : undefined;
      });
      const row = await federation.rowOf(refused);
      expect(row).toMatchObject({ status: 'refused', code: 'token_invalid', user: null });
    }
  });
});
