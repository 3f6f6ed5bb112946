/**
 * Whoever may register a server may not thereby dial anything: what is not a port for MCP servers in the plane's reach is refused before a byte is
 * sent, however its address is spelled, and the stack's own doors are such places (database, NATS, health and metrics of the planes).
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { expect, inject, test } from 'vitest';
import { eventually, type Federation, OWN_SERVER, type Reply } from '../harness/federation.ts';
import { sharedFederation } from '../harness/shared-federation.ts';

const LIST = { jsonrpc: '2.0', id: 41, method: 'tools/list' };

/** Registers `url` at azure as the server `name`, granted to alice; answers what she gets through aws, then removes it again. */
async function askAt(federation: Federation, name: string, url: string): Promise<Reply> {
  const principal = { kind: 'user', name: 'alice' };
  expect((await federation.api('PUT', `/mcp-servers/${name}`, { url, gateway: 'azure' })).status).toBe(201);
  expect((await federation.api('PUT', `/grants/${name}`, { principal, server: name, everything: true })).status).toBe(
    201,
  );
  const alice = federation.local.users.alice?.token ?? '';
  const reply = await eventually('both gateways know the server', async () => {
    const now = await federation.send('aws', name, alice, LIST);
    return now.status === 404 ? undefined : now;
  });
  await federation.api('DELETE', `/grants/${name}`);
  await federation.api('DELETE', `/mcp-servers/${name}`);
  return reply;
}

/** Offsets of a local stack (docs/architecture.md "Local stack"). */
const door = (offset: number) => (base: number) => `http://127.0.0.1:${base + offset}/mcp`;

test.each<[string, (base: number) => string]>([
  ['postgresql', door(6)],
  ['nats-clients', door(4)],
  ['nats-monitor', door(5)],
  ['control-api', door(1)],
  ['control-metrics', door(3)],
  ['own-health', door(22)],
  ['other-loopback', door(11)],
  ['other-health', door(12)],
  ['other-metrics', door(13)],
  ['other-tls', (base) => `https://localhost:${base + 10}/mcp`],
  ['postgresql-v6', (base) => `http://[::1]:${base + 6}/mcp`],
  ['postgresql-mapped', (base) => `http://[::ffff:127.0.0.1]:${base + 6}/mcp`],
  ['metadata', () => 'http://169.254.169.254/mcp'],
  ['metadata-in-hex', () => 'http://0xa9fea9fe/mcp'],
  ['another-network', () => 'http://10.1.2.3:8080/mcp'],
])('a server registered at %s is refused, named and audited', async (what, urlAt) => {
  const federation = await sharedFederation(inject('federation'));
  const name = `test-${what}`;
  const reply = await askAt(federation, name, urlAt(federation.portBase));
  expect(reply.status, reply.text).toBe(502);
  expect(reply.message.error.data).toMatchObject({ code: 'upstream_out_of_reach', hop: 'azure' });
  expect(reply.message.error.message).toContain('upstreamCidrs');
  const row = await federation.rowOf(reply);
  expect(row).toMatchObject({ status: 'failed', code: 'upstream_out_of_reach', user: 'alice', mcp_server: name });
});

test('a server on a port that is for servers is reached', async () => {
  const federation = await sharedFederation(inject('federation'));
  const answer = JSON.stringify({ jsonrpc: '2.0', id: LIST.id, result: { tools: [] } });
  const server = createServer((_request, response) =>
    response.writeHead(200, { 'content-type': 'application/json' }).end(answer),
  ).listen(federation.portBase + OWN_SERVER, '127.0.0.1');
  await once(server, 'listening');
  try {
    const reply = await askAt(federation, 'test-own-server', door(OWN_SERVER)(federation.portBase));
    expect(reply.status, reply.text).toBe(200);
    expect(reply.message.result.tools).toEqual([]);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
