/** What crosses a hop is worthless elsewhere: the proof for azure does not hold at gcp, and a stolen gateway cannot make one. */
import { hopKey, hopProof, parseToken, writeCaller } from '@portolan/core';
import { expect, inject, test } from 'vitest';
import { eventually } from '../harness/federation.ts';
import { askAsPeer, hopHeader, identityOf } from '../harness/mesh-client.ts';
import { sharedFederation } from '../harness/shared-federation.ts';

test('a proof for one gateway is refused by another', async () => {
  const federation = await sharedFederation(inject('federation'));
  const aws = await identityOf(federation, 'aws');
  const token = parseToken(federation.local.users.alice?.token ?? '');
  if (!token || token.kind === 'enr') throw new Error('alice has no token');
  const kind = token.kind;
  const caller = (gateway: string) =>
    writeCaller({ kind, id: token.id, proof: hopProof(hopKey(token.secret), gateway) });
  const ask = (gateway: string, proofFor: string) =>
    askAsPeer(federation, gateway, aws, { 'portolan-hop': hopHeader('aws'), 'portolan-caller': caller(proofFor) });

  const rightful = await ask('azure', 'azure');
  expect(rightful.status, rightful.text).toBe(200);
  const replayed = await ask('azure', 'gcp');
  expect(replayed.status, replayed.text).toBe(403);
  const requestId = /x-request-id: (\S+)/i.exec(replayed.text)?.[1];
  const row = await eventually('the refusal is audited', async () => {
    const { message } = await federation.api(
      'GET',
      `/audit?limit=5&code=proof_invalid${requestId ? `&request_id=${requestId}` : ''}`,
    );
    return message.items[0];
  });
  expect(row).toMatchObject({ status: 'refused', code: 'proof_invalid' });
});
