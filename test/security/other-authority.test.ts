/** A certificate with a gateway's true name from another authority opens nothing (security: never read a SAN before the chain is verified). */
import { expect, inject, test } from 'vitest';
import type { Federation } from '../harness/federation.ts';
import { askAsPeer, forgedIdentity, hopHeaders, type MeshReply, requestIdOf } from '../harness/mesh-client.ts';
import { sharedFederation } from '../harness/shared-federation.ts';

async function expectRefused(federation: Federation, reply: MeshReply): Promise<void> {
  expect(reply.status, reply.text).toBe(403);
  expect(reply.text).not.toContain('get_calendar_events');
  const row = await federation.auditRow(requestIdOf(reply));
  expect(row).toMatchObject({ status: 'refused', code: 'peer_certificate', user: null });
}

test('a gateway name signed by another authority is refused, with a good proof too', async () => {
  const federation = await sharedFederation(inject('federation'));
  const forged = await forgedIdentity(federation, 'aws');
  await expectRefused(federation, await askAsPeer(federation, 'azure', forged, hopHeaders(federation, 'aws', 'azure')));
});

test('no certificate at all on the mesh name is refused, with a good token too', async () => {
  const federation = await sharedFederation(inject('federation'));
  const authorization = `Bearer ${federation.local.users.alice?.token}`;
  const headers = { authorization, ...hopHeaders(federation, 'aws', 'azure') };
  await expectRefused(federation, await askAsPeer(federation, 'azure', {}, headers));
});
