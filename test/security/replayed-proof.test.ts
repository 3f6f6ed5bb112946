/** What crosses a hop is worthless elsewhere: the proof for azure does not hold at gcp, and a stolen gateway cannot make one. */
import { expect, inject, test } from 'vitest';
import { askAsPeer, hopHeader, identityOf, proofOfAlice, requestIdOf } from '../harness/mesh-client.ts';
import { sharedFederation } from '../harness/shared-federation.ts';

test('a proof for one gateway is refused by another', async () => {
  const federation = await sharedFederation(inject('federation'));
  const aws = await identityOf(federation, 'aws');
  const ask = (gateway: string, proofFor: string) =>
    askAsPeer(federation, gateway, aws, {
      'portolan-hop': hopHeader('aws'),
      'portolan-caller': proofOfAlice(federation, proofFor),
    });

  const rightful = await ask('azure', 'azure');
  expect(rightful.status, rightful.text).toBe(200);
  const replayed = await ask('azure', 'gcp');
  expect(replayed.status, replayed.text).toBe(403);
  const row = await federation.auditRow(requestIdOf(replayed));
  expect(row).toMatchObject({ status: 'refused', code: 'proof_invalid' });
});
