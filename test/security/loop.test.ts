/** A call that has crossed already goes no further, whatever its headers claim. */
import { expect, inject, test } from 'vitest';
import { askAsPeer, hopHeader, identityOf, proofOfAlice } from '../harness/mesh-client.ts';
import { sharedFederation } from '../harness/shared-federation.ts';

test.each([
  ['a second hop', 'gcp', { hops: 1 }],
  ['too many hops', 'azure', { hops: 2, via: '"aws" "gcp"' }],
  ['our own name in via', 'azure', { hops: 1, via: '"azure"' }],
])('%s is 508', async (_, at, over) => {
  const federation = await sharedFederation(inject('federation'));
  const aws = await identityOf(federation, 'aws');
  const reply = await askAsPeer(federation, at, aws, {
    'portolan-hop': hopHeader('aws', over),
    'portolan-caller': proofOfAlice(federation, at),
  });
  expect(reply.status, reply.text).toBe(508);
});
