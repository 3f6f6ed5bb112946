/** An expired certificate is refused on the mesh, also on a second connection right after (session tickets would let it in: they are off). */
import { expect, inject, test } from 'vitest';
import { askAsPeer, forgedIdentity, hopHeader } from '../harness/mesh-client.ts';
import { sharedFederation } from '../harness/shared-federation.ts';

test('an expired certificate is refused, twice', async () => {
  const federation = await sharedFederation(inject('federation'));
  const expired = await forgedIdentity(federation, 'aws', -0.5);
  for (let i = 0; i < 2; i += 1) {
    const reply = await askAsPeer(federation, 'azure', expired, { 'portolan-hop': hopHeader('aws') });
    expect([0, 403]).toContain(reply.status);
  }
});
