/** A certificate that is valid in every way, of a gateway that the registry has retired, is refused: also on a connection that is open. */
import { hopKey, hopProof, parseToken, writeCaller } from '@portolan/core';
import { expect, test } from 'vitest';
import { eventually, startFederation } from '../harness/federation.ts';
import { askAsPeer, hopHeader, identityOf } from '../harness/mesh-client.ts';

test('a retired gateway may neither call nor renew', async () => {
  await using federation = await startFederation('retired');
  const gcp = await identityOf(federation, 'gcp');
  const token = parseToken(federation.local.users.alice?.token ?? '');
  if (!token || token.kind === 'enr') throw new Error('alice has no token');
  const caller = writeCaller({ kind: token.kind, id: token.id, proof: hopProof(hopKey(token.secret), 'azure') });
  const ask = () =>
    askAsPeer(federation, 'azure', gcp, { 'portolan-hop': hopHeader('gcp'), 'portolan-caller': caller });
  expect((await ask()).status).toBe(200);

  // what refers to gcp goes first: the API names it
  expect((await federation.api('DELETE', '/gateways/gcp')).status).toBe(409);
  for (const grant of (await federation.api('GET', '/grants?limit=500')).message.items) {
    if (grant.server === 'mcp-bigquery') await federation.api('DELETE', `/grants/${grant.name}`);
  }
  await federation.api('DELETE', '/mcp-servers/mcp-bigquery');
  expect((await federation.api('DELETE', '/gateways/gcp')).status).toBeLessThan(300);
  const refused = await eventually('the retirement has reached azure', async () => {
    const reply = await ask();
    return reply.status === 200 ? undefined : reply;
  });
  expect([0, 403]).toContain(refused.status);
}, 400_000);
