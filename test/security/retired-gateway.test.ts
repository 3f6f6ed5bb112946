/** A certificate that is valid in every way, of a gateway that the registry has retired: it may not call, not on an open connection, and not renew. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { keepKeys, requestCertificate } from '../../gateway/adapters/identity/keys.ts';
import { eventually, type Federation, startFederation } from '../harness/federation.ts';
import {
  askAsPeer,
  exchange,
  hopHeaders,
  identityOf,
  KeptLine,
  type MeshIdentity,
  meshDoor,
  requestIdOf,
} from '../harness/mesh-client.ts';

/** What gcp itself sends to renew: its own keys, a request for its own mesh key. */
async function renew(federation: Federation, identity: MeshIdentity) {
  const { meshKey, nkey, sealJwk } = await keepKeys(join(federation.dir, 'gateways', 'gcp', 'identity'));
  const body = JSON.stringify({ csr: await requestCertificate(meshKey), nkey, sealKey: sealJwk });
  const door = meshDoor(federation, 'control');
  const lines = [
    'POST /api/v1/renew HTTP/1.1',
    `Host: ${door.servername}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  return exchange({ ...door, ...identity }, `${lines.join('\r\n')}\r\n\r\n${body}`);
}

/** What refers to gcp goes first: the API names it. */
async function retireGcp(federation: Federation): Promise<void> {
  expect((await federation.api('DELETE', '/gateways/gcp')).status).toBe(409);
  for (const grant of (await federation.api('GET', '/grants?limit=500')).message.items) {
    if (grant.server === 'mcp-bigquery') await federation.api('DELETE', `/grants/${grant.name}`);
  }
  await federation.api('DELETE', '/mcp-servers/mcp-bigquery');
  expect((await federation.api('DELETE', '/gateways/gcp')).status).toBeLessThan(300);
}

test('a retired gateway may neither call, nor go on calling, nor renew', async () => {
  await using federation = await startFederation('retired');
  const gcp = await identityOf(federation, 'gcp');
  const headers = () => hopHeaders(federation, 'gcp', 'azure');
  await using open = new KeptLine(federation, 'azure', gcp);
  expect((await open.ask(headers())).status).toBe(200);
  expect((await askAsPeer(federation, 'azure', gcp, headers())).status).toBe(200);
  const renewed = await renew(federation, gcp);
  expect(renewed.status, renewed.text).toBe(200);
  expect((await open.ask(headers())).status).toBe(200);

  await retireGcp(federation);

  const late = await renew(federation, gcp);
  expect(late.status, late.text).toBe(403);
  expect(late.text).toContain('certificate_refused');
  const refused = await eventually('the retirement has reached azure', async () => {
    const reply = await askAsPeer(federation, 'azure', gcp, headers());
    return reply.status === 403 ? reply : undefined;
  });
  const kept = await open.ask(headers());
  expect([0, 403], kept.text).toContain(kept.status);
  const row = await federation.auditRow(requestIdOf(refused));
  expect(row).toMatchObject({ status: 'refused', code: 'peer_unknown', user: null });
}, 400_000);
