/** Enrolment by projected service-account tokens, on real PostgreSQL, real NATS and the real routes. The attacks stand in test/security. */
import { calculateJwkThumbprint } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { spiffeIdOf } from '../mesh-ca/spiffe-id.ts';
import { keyPem, X509Certificate } from '../mesh-ca/x509.ts';
import { readWorld } from '../publish/world.ts';
import { until } from '../test/backbone.ts';
import { Cluster, makePod } from '../test/cluster.ts';
import { type EnrolmentDoor, startEnrolmentDoor } from '../test/enrolment-door.ts';
import { type GatewayKeys, makeGatewayKeys, renewBody } from '../test/gateway-client.ts';
import { callerWith } from '../test/mesh-callers.ts';
import { documentOf, retireGateway } from '../test/world.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
let door: EnrolmentDoor;
let cluster: Cluster;
/** Added to the control plane's clock, ms. */
let ahead = 0;
const now = (): number => Date.now() + ahead;
/** Each test has a gateway of its own. */
let gateway: string;
let count = 0;

beforeAll(async () => {
  door = await startEnrolmentDoor(now);
}, 60_000);
afterAll(() => door?.[Symbol.asyncDispose]());
beforeEach(async () => {
  ahead = 0;
  count += 1;
  gateway = `gateway-${count}`;
  cluster = await Cluster.start(gateway);
  await door.register(gateway, cluster.identity);
});

const token = (pod = makePod()) => cluster.token({ pod, issuedAt: now() });
const replicaOf = (keys: GatewayKeys) => calculateJwkThumbprint(keys.sealJwk);
async function renew(keys: GatewayKeys, chain: string, next = keys) {
  const { material, enrolling } = door.plane.backbone();
  const caller = await callerWith(material, { chain, key: await keyPem(keys.mesh.privateKey) }, now);
  return enrolling.renew(caller, await renewBody(next));
}
const gone = {
  code: 'certificate_refused',
  message: expect.stringContaining('enrol again by its service-account token'),
};

describe('a pod', () => {
  test('gets the identity of the gateway that its token belongs to, and each replica keys and a row of its own', async () => {
    const [one, two] = [makePod(), makePod()];
    const keys = [await makeGatewayKeys(), await makeGatewayKeys()] as const;
    const first = await door.enrol(await token(one), keys[0]);
    expect(first).toMatchObject({ status: 200, body: { gateway, federation: 'test' } });
    expect(spiffeIdOf(new X509Certificate(first.body.certificateChain))).toBe(`spiffe://test/gateway/${gateway}`);
    const second = await door.enrol(await token(two), keys[1]);
    expect(await door.rows(gateway)).toEqual([
      { replica: await replicaOf(keys[0]), pod: one.uid },
      { replica: await replicaOf(keys[1]), pod: two.uid },
    ]);
    const sealed = documentOf(second.body.snapshot).sealingKeys[0]?.sealed ?? {};
    expect(Object.keys(sealed).sort()).toEqual([await replicaOf(keys[0]), await replicaOf(keys[1])].sort());
  });

  test('enrols again with the same keys whenever it must, but not at once', async () => {
    const [pod, keys] = [makePod(), await makeGatewayKeys()];
    await door.enrol(await token(pod), keys);
    expect(await door.enrol(await token(pod), keys)).toMatchObject({
      status: 429,
      body: { error: { code: 'too_many_requests' } },
    });
    ahead = 6_000;
    expect((await door.enrol(await token(pod), keys)).status).toBe(200);
    ahead = 2 * DAY; // its certificate has expired
    expect((await door.enrol(await token(pod), keys)).status).toBe(200);
    expect(await door.rows(gateway)).toEqual([{ replica: await replicaOf(keys), pod: pod.uid }]);
  });

  test('asking twice at the same time is one row', async () => {
    const pod = makePod();
    const both = await Promise.all([door.enrol(await token(pod)), door.enrol(await token(pod))]);
    expect(both.map(({ status }) => status).sort()).toEqual([200, 429]);
    expect(await door.rows(gateway)).toHaveLength(1);
  });

  test('that lost its keys replaces its own row, and what it had before does not renew', async () => {
    const [pod, lost, found] = [makePod(), await makeGatewayKeys(), await makeGatewayKeys()];
    const before = await door.enrol(await token(pod), lost);
    ahead = 6_000;
    expect((await door.enrol(await token(pod), found)).status).toBe(200);
    expect(await door.rows(gateway)).toEqual([{ replica: await replicaOf(found), pod: pod.uid }]);
    expect(door.log()).toContain(`other keys of pod ${pod.uid} of gateway ${gateway}`);
    await expect(renew(lost, before.body.certificateChain)).rejects.toMatchObject(gone);
    await expect(renew(lost, before.body.certificateChain, await makeGatewayKeys())).rejects.toMatchObject(gone);
    expect(await door.rows(gateway)).toHaveLength(1);
  });

  test('has eight sets of keys at most in the life of a certificate, and all of them leave NATS when the gateway retires', async () => {
    const pod = makePod();
    const keys = await Promise.all(Array.from({ length: 9 }, makeGatewayKeys));
    const statuses: number[] = [];
    for (const one of keys) {
      ahead += 6_000;
      statuses.push((await door.enrol(await token(pod), one)).status);
    }
    expect(statuses).toEqual([...Array.from({ length: 8 }, () => 200), 429]);
    expect(await door.rows(gateway)).toEqual([{ replica: await replicaOf(keys[7] as GatewayKeys), pod: pod.uid }]);
    await retireGateway(door.plane, gateway);
    const { revoked } = await door.plane.database.db.transaction().execute((trx) => readWorld(trx, 30 * DAY, now()));
    const had = keys.slice(0, 8).map(({ nkey }) => nkey.getPublicKey());
    expect(Object.keys(revoked)).toEqual(expect.arrayContaining(had));
  });

  test('renews by its certificate, for new keys too, and stays one row', async () => {
    const [pod, keys, next] = [makePod(), await makeGatewayKeys(), await makeGatewayKeys()];
    const first = await door.enrol(await token(pod), keys);
    const second = await renew(keys, first.body.certificateChain);
    // the answer was lost: it comes with the certificate before
    await expect(renew(keys, first.body.certificateChain)).resolves.toMatchObject({ gateway });
    await expect(renew(keys, second.certificateChain, next)).rejects.toMatchObject(gone);
    const third = await renew(keys, second.certificateChain);
    await renew(keys, third.certificateChain, next);
    expect(await door.rows(gateway)).toEqual([{ replica: await replicaOf(next), pod: pod.uid }]);
  });

  test('with the volume of another, three keys and all, takes its row over', async () => {
    const [old, young, keys] = [makePod(), makePod(), await makeGatewayKeys()];
    await door.enrol(await token(old), keys);
    expect((await door.enrol(await token(young), keys)).status).toBe(200);
    expect(await door.rows(gateway)).toEqual([{ replica: await replicaOf(keys), pod: young.uid }]);
  });
});

describe('what is gone', () => {
  test('pods come and go with new keys: rows and snapshot hold those alone whose certificate has not ended', async () => {
    for (let pods = 0; pods < 5; pods += 1) await door.enrol(await token());
    expect(await door.rows(gateway)).toHaveLength(5);
    ahead = DAY + HOUR;
    const keys = await makeGatewayKeys();
    const { body } = await door.enrol(await token(), keys);
    expect(Object.keys(documentOf(body.snapshot).sealingKeys[0]?.sealed ?? {})).toEqual([await replicaOf(keys)]);
    await until(async () => (await door.rows(gateway)).length === 1);
  });

  test('a gateway has 256 pods at most: the one not heard from for longest makes room', async () => {
    const first = await makeGatewayKeys();
    const { body } = await door.enrol(await token(), first);
    const [row] = await door.plane.database.db
      .selectFrom('gateway_replicas')
      .selectAll()
      .where('gateway', '=', gateway)
      .execute();
    if (!row) throw new Error('expected its row');
    const many = Array.from({ length: 255 }, (_, at) => ({
      ...row,
      seal_jwk: JSON.stringify(row.seal_jwk),
      report: null,
      replica: `replica-${at}`,
      pod_uid: `pod-${at}`,
      enrolled_at: new Date(Date.now() - (at === 7 ? HOUR : 0)),
      reported_at: new Date(Date.now() - (at === 7 ? HOUR : 0)),
    }));
    await door.plane.database.db.insertInto('gateway_replicas').values(many).execute();
    await door.enrol(await token());
    const left = (await door.rows(gateway)).map(({ pod }) => pod);
    expect(left).toHaveLength(256);
    expect(left).not.toContain('pod-7');
    await expect(renew(first, body.certificateChain)).resolves.toMatchObject({ gateway });
  });

  test('a gateway that has other pods now renews none of those before; other keys of the same issuer change nothing', async () => {
    const keys = await makeGatewayKeys();
    const { body } = await door.enrol(await token(), keys);
    const rotated = await Cluster.start(gateway);
    await door.register(gateway, rotated.identity);
    const renewed = await renew(keys, body.certificateChain);
    for (const other of [{ ...rotated.identity, namespace: 'elsewhere' }, undefined]) {
      await door.register(gateway, other);
      await expect(renew(keys, renewed.certificateChain)).rejects.toMatchObject(gone);
    }
  });
});

describe('a refusal', () => {
  test('tells the log who and why, and the token to nobody', async () => {
    const foreign = await cluster.token({ namespace: 'default' });
    expect(await door.enrol(foreign)).toEqual({
      status: 403,
      body: {
        error: {
          code: 'enrolment_refused',
          message: expect.stringMatching(/^The service-account token is not accepted\./),
          path: 'serviceAccountToken',
        },
      },
    });
    expect(door.log()).toContain('no gateway is registered with its issuer, namespace and service account');
    expect(door.log()).toContain('system:serviceaccount:default:gateway');
    for (const part of foreign.split('.')) expect(door.log()).not.toContain(part);
  });

  test.each([{}, { token: 'x', serviceAccountToken: 'x' }])('exactly one proof must be given: %j', async (proof) => {
    const body = await renewBody(await makeGatewayKeys());
    expect(await door.post({ ...body, ...proof })).toMatchObject({
      status: 400,
      body: { error: { code: 'invalid_body', message: expect.stringContaining('either token') } },
    });
  });

  test('a gateway without workloadIdentity and one that is retired enrol nobody by a token', async () => {
    await door.register(gateway);
    expect((await door.enrol(await token())).status).toBe(403);
    await door.register(gateway, cluster.identity);
    await retireGateway(door.plane, gateway);
    expect((await door.enrol(await token())).status).toBe(403);
    expect(await door.rows(gateway)).toEqual([]);
  });
});
