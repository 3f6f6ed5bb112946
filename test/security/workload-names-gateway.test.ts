/** Which gateway a pod is says its token alone: no body, header, query or certificate request chooses another's name. */
import { expect, test } from 'vitest';
import { spiffeIdOf } from '../../control-plane/mesh-ca/spiffe-id.ts';
import { X509Certificate } from '../../control-plane/mesh-ca/x509.ts';
import { gateways, put } from '../../control-plane/registry/index.ts';
import { Cluster } from '../../control-plane/test/cluster.ts';
import { doorOfPods } from '../../control-plane/test/enrolment-door.ts';
import { makeGatewayKeys, renewBody } from '../../control-plane/test/gateway-client.ts';
import { urlOf } from '../../control-plane/test/world.ts';

const pods = doorOfPods();

test('a body that names a gateway is refused as a whole', async () => {
  await pods.door.register('azure', (await Cluster.start('azure')).identity);
  const body = { ...(await renewBody(await makeGatewayKeys())), serviceAccountToken: await pods.cluster.token() };
  for (const more of [{ gateway: 'azure' }, { name: 'azure' }, { workloadIdentity: pods.cluster.identity }])
    expect(await pods.door.post({ ...body, ...more })).toMatchObject({
      status: 400,
      body: { error: { code: 'invalid_body' } },
    });
  expect([...(await pods.door.rows('aws')), ...(await pods.door.rows('azure'))]).toEqual([]);
});

test('names in the certificate request and in claims that we do not read count for nothing', async () => {
  const csr = await renewBody(await makeGatewayKeys(), 'spiffe://test/gateway/azure');
  const claims = { gateway: 'azure', azp: 'azure', spiffe: 'spiffe://test/gateway/azure' };
  const { status, body } = await pods.door.post({ ...csr, serviceAccountToken: await pods.cluster.token({ claims }) });
  expect([status, body.gateway]).toEqual([200, 'aws']);
  expect(spiffeIdOf(new X509Certificate(body.certificateChain))).toBe('spiffe://test/gateway/aws');
});

test('no two gateways answer to one token: the registry refuses the second', async () => {
  const { db } = pods.door.plane.database;
  const twin = { ...pods.cluster.identity, jwks: { url: 'https://issuer.example/keys' } };
  await expect(put(db, gateways, 'twin', { url: urlOf('twin'), workloadIdentity: twin })).rejects.toMatchObject({
    code: 'conflict',
    path: 'workloadIdentity',
    message: expect.stringContaining('Gateway "aws" has this issuer, namespace, serviceAccount and audience already'),
  });
  const both = await Promise.allSettled(
    ['left', 'right'].map((name) =>
      put(db, gateways, name, { url: urlOf(name), workloadIdentity: { ...pods.cluster.identity, namespace: 'both' } }),
    ),
  );
  expect(both.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  for (const one of both) if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'conflict' });
});

test('two gateways that differ in their audience are told apart by it', async () => {
  const audience = 'https://control.portolan.example/second';
  await pods.door.register('second', { ...pods.cluster.identity, audience });
  expect((await pods.door.enrol(await pods.cluster.token({ audience }))).body.gateway).toBe('second');
  expect((await pods.door.enrol(await pods.cluster.token())).body.gateway).toBe('aws');
});
