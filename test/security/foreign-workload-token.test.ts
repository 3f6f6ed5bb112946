/** A pod of another namespace, service account, cluster or audience is not this gateway, and its token enrols nobody (security: the token decides). */

import { SignJWT } from 'jose';
import { expect, test } from 'vitest';
import { Cluster } from '../../control-plane/test/cluster.ts';
import { doorOfPods } from '../../control-plane/test/enrolment-door.ts';

const pods = doorOfPods();

const silent = {
  status: 403,
  body: { error: { code: 'enrolment_refused', message: expect.stringContaining('token is not accepted.') } },
};

test('a token of another namespace or service account of the same cluster is refused', async () => {
  for (const claimed of [{ namespace: 'default' }, { serviceAccount: 'default' }, { namespace: 'portolan-aws-2' }])
    expect(await pods.door.enrol(await pods.cluster.token(claimed))).toMatchObject(silent);
});

test('a token whose subject and kubernetes.io claim disagree is refused, whichever of them is ours', async () => {
  const ours = pods.cluster.payload();
  const other = pods.cluster.payload({ namespace: 'default', serviceAccount: 'default' });
  const mixed = [
    { sub: other.sub },
    { 'kubernetes.io': other['kubernetes.io'] },
    { 'kubernetes.io': { ...(ours['kubernetes.io'] as object), namespace: 'default' } },
  ];
  for (const claims of mixed) expect(await pods.door.enrol(await pods.cluster.token({ claims }))).toMatchObject(silent);
});

test('a token of another cluster is refused: under its own issuer, under ours, and under the name of our key', async () => {
  const forger = await Cluster.start('aws');
  const header = { kid: pods.cluster.publicKey.kid };
  for (const claimed of [
    { issuer: 'https://evil.example' },
    {},
    { header },
    { header: { ...header, jwk: forger.publicKey } },
  ])
    expect(await pods.door.enrol(await forger.token(claimed))).toMatchObject(silent);
});

test('a token that a registered cluster signed for the subject of another is refused', async () => {
  const azure = await Cluster.start('azure');
  await pods.door.register('azure', azure.identity);
  const { issuer, namespace } = pods.cluster.identity;
  expect(await pods.door.enrol(await azure.token({ issuer, namespace }))).toMatchObject(silent);
  expect(await pods.door.enrol(await azure.token({ namespace }))).toMatchObject(silent);
});

test('a true token for another audience is refused, be ours among them, and its sender may know why', async () => {
  const { audience } = pods.cluster.identity;
  for (const [wrong, says] of [
    ['https://kubernetes.default.svc.cluster.local', 'is for another audience'],
    [[audience, 'sts.amazonaws.com'], 'is for more than one audience'],
  ] as const) {
    const heard = await pods.door.enrol(
      await pods.cluster.token({ audience: typeof wrong === 'string' ? wrong : [...wrong] }),
    );
    expect(heard).toMatchObject({ status: 403, body: { error: { message: expect.stringContaining(says) } } });
  }
});

test('names that no database takes are refused, not a fault of ours', async () => {
  for (const iss of ['a\u0000b', 'x'.repeat(600), "' OR 1=1 --", 7, ['https://aws.cluster.example'], null]) {
    const token = await new SignJWT({ ...pods.cluster.payload(), iss } as never)
      .setProtectedHeader({ alg: 'RS256', kid: pods.cluster.publicKey.kid })
      .sign(pods.cluster.privateKey);
    expect(await pods.door.enrol(token)).toMatchObject(silent);
  }
  for (const sub of [
    'system:serviceaccount:a:b:c',
    'system:node:n',
    `system:serviceaccount:${'a'.repeat(300)}:b`,
    '\u0000',
  ])
    expect(await pods.door.enrol(await pods.cluster.token({ claims: { sub } }))).toMatchObject(silent);
});

test('none of them has registered anything', async () => {
  expect(await pods.door.rows('aws')).toEqual([]);
});
