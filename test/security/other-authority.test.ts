/** A certificate with a gateway's true name from another authority opens nothing (security: never read a SAN before the chain is verified). */
import { expect, inject, test } from 'vitest';
import { askAsPeer, forgedIdentity, hopHeader } from '../harness/mesh-client.ts';
import { sharedFederation } from '../harness/shared-federation.ts';

test('a gateway name signed by another authority is refused', async () => {
  const federation = await sharedFederation(inject('federation'));
  const forged = await forgedIdentity(federation, 'aws');
  const reply = await askAsPeer(federation, 'azure', forged, { 'portolan-hop': hopHeader('aws') });
  expect([0, 403]).toContain(reply.status);
  expect(reply.text).not.toContain('get_calendar_events');
});

test('no certificate at all on the mesh name is refused, with a good token too', async () => {
  const federation = await sharedFederation(inject('federation'));
  const authorization = `Bearer ${federation.local.users.alice?.token}`;
  const reply = await askAsPeer(federation, 'azure', {}, { authorization, 'portolan-hop': hopHeader('aws') });
  expect([0, 403]).toContain(reply.status);
  expect(reply.text).not.toContain('get_calendar_events');
});
