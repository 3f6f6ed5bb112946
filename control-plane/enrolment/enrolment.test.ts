/** Enrolment and renewal on real PostgreSQL, real NATS and real TLS handshakes, attacks included. */
import { gatewaySpiffeId, meshName } from '@portolan/core';
import { calculateJwkThumbprint, compactDecrypt } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Config, dataFiles } from '../config.ts';
import { readKekFile, writeKekFile } from '../keys/kek.ts';
import { keyFiles } from '../keys/key-files.ts';
import { makePrivateDirectory } from '../keys/private-files.ts';
import { makeIssuer, makeRoot, writeAuthority } from '../mesh-ca/authority.ts';
import { makeLeaf } from '../mesh-ca/leaf.ts';
import { spiffeIdOf } from '../mesh-ca/spiffe-id.ts';
import { certificatePem, keyPem, PublicKey, X509Certificate } from '../mesh-ca/x509.ts';
import { startTestBackbone, type TestBackbone } from '../test/backbone.ts';
import { type GatewayKeys, makeGatewayKeys, renewBody } from '../test/gateway-client.ts';
import { type ClientCertificate, callerWith } from '../test/mesh-callers.ts';
import { addGateway, documentOf, type Enrolled, enrolGateway, retireGateway } from '../test/world.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
let plane: TestBackbone;
let clock = Date.now;

beforeAll(async () => {
  plane = await startTestBackbone('  renewGrace: 2d', oldMesh);
  await plane.restart(() => clock());
}, 60_000);
afterAll(async () => plane?.[Symbol.asyncDispose]());
beforeEach(() => {
  clock = Date.now;
});

/** A mesh that has been there for ten days. */
async function oldMesh({ dataDir }: Config): Promise<void> {
  const files = keyFiles(dataDir);
  for (const directory of files.directories) await makePrivateDirectory(directory);
  await writeKekFile(dataFiles(dataDir).kek);
  const kek = await readKekFile(dataFiles(dataDir).kek);
  const root = await makeRoot('test mesh root', Date.now() - 10 * DAY, 1);
  await writeAuthority(files.meshRoot, root, kek);
  await writeAuthority(files.meshIssuer, await makeIssuer(root, { federation: 'test' }, Date.now() - 10 * DAY), kek);
}

const enrolling = () => plane.backbone().enrolling;
const clientOf = async ({ keys, identity }: Enrolled): Promise<ClientCertificate> => ({
  chain: identity.certificateChain,
  key: await keyPem(keys.mesh.privateKey),
});
const callerOf = async (enrolled: Enrolled) =>
  callerWith(plane.backbone().material, await clientOf(enrolled), () => clock());
/** A certificate that some authority signed for a gateway, whatever it wished. */
async function signedBy(
  name: string,
  keys: GatewayKeys,
  { federation = 'test', end = Date.now() + HOUR } = {},
): Promise<ClientCertificate> {
  const root = await makeRoot('test mesh root', Date.now() - 3 * DAY, 1);
  const issuer = await makeIssuer(root, { federation }, Date.now() - 3 * DAY);
  const publicKey = await PublicKey.create(keys.mesh.publicKey);
  const leaf = await makeLeaf(
    issuer,
    { publicKey, spiffeId: gatewaySpiffeId(federation, name), dnsNames: [meshName(name, federation)], lifeMs: DAY },
    end - DAY,
  );
  return { chain: certificatePem(leaf) + certificatePem(issuer.certificate), key: await keyPem(keys.mesh.privateKey) };
}

describe('enrolment', () => {
  test('gives exactly the identity that the secret was made for, whatever the request says', async () => {
    await addGateway(plane, 'aws');
    const { token, meshRootSha256, snapshotKeyThumbprints } = await enrolling().issue('aws');
    const keys = await makeGatewayKeys();
    const identity = await enrolling().enroll({ ...(await renewBody(keys, 'spiffe://test/gateway/azure')), token });
    const leaf = new X509Certificate(identity.certificateChain);
    expect(spiffeIdOf(leaf)).toBe('spiffe://test/gateway/aws');
    expect([leaf.subject, identity.gateway, identity.federation]).toEqual(['', 'aws', 'test']);
    const root = new X509Certificate(identity.caBundle[0] ?? '');
    expect(Buffer.from(await root.getThumbprint('SHA-256')).toString('hex')).toBe(meshRootSha256);
    const thumbprints = identity.snapshotKeys.map((key) => calculateJwkThumbprint(key));
    expect(await Promise.all(thumbprints)).toEqual(snapshotKeyThumbprints);
  });

  test('the first snapshot holds a session key that this replica can open, and each replica has its own', async () => {
    const first = await enrolGateway(plane, 'pair');
    const second = await enrolGateway(plane, 'pair');
    const opened = await Promise.all(
      [first, second].map(async ({ keys, identity }) => {
        const replica = await calculateJwkThumbprint(keys.sealJwk);
        const [key] = documentOf(identity.snapshot).sealingKeys;
        return (await compactDecrypt(key?.sealed[replica] ?? '', keys.sealKey)).plaintext;
      }),
    );
    expect(opened[0]).toHaveLength(32);
    expect(opened[0]).toEqual(opened[1]);
    expect(documentOf(second.identity.snapshot).revision).toBeGreaterThan(documentOf(first.identity.snapshot).revision);
  });

  test('a secret works once', async () => {
    await addGateway(plane, 'once');
    const { token } = await enrolling().issue('once');
    const all = await Promise.allSettled(
      Array.from({ length: 5 }, async () =>
        enrolling().enroll({ ...(await renewBody(await makeGatewayKeys())), token }),
      ),
    );
    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const one of all)
      if (one.status === 'rejected')
        expect(one.reason).toMatchObject({
          code: 'enrolment_refused',
          message: expect.stringContaining('used already'),
        });
  });

  test('whoever used it may use it again: the answer may never have reached him', async () => {
    await addGateway(plane, 'killed');
    const { token } = await enrolling().issue('killed');
    const keys = await makeGatewayKeys();
    const again = async () => enrolling().enroll({ ...(await renewBody(keys)), token });
    await again();
    const identity = await again();
    expect(identity.gateway).toBe('killed');
    expect(spiffeIdOf(new X509Certificate(identity.certificateChain))).toBe('spiffe://test/gateway/killed');
    const { nkey } = await makeGatewayKeys();
    const { sealJwk } = await makeGatewayKeys();
    for (const other of [
      { ...keys, nkey },
      { ...keys, sealJwk },
    ])
      await expect(enrolling().enroll({ ...(await renewBody(other)), token })).rejects.toMatchObject({
        message: expect.stringContaining('used already'),
      });
    await again(); // who was refused has changed nothing
    clock = () => Date.now() + HOUR + 1_000;
    await expect(again()).rejects.toMatchObject({ code: 'enrolment_refused' });
  });

  test('unless its gateway was retired meanwhile', async () => {
    const { keys } = await enrolGateway(plane, 'killed-and-gone');
    await retireGateway(plane, 'killed-and-gone');
    await addGateway(plane, 'killed-and-gone');
    const { token } = await enrolling().issue('killed-and-gone');
    const again = async () => enrolling().enroll({ ...(await renewBody(keys)), token });
    await again();
    await retireGateway(plane, 'killed-and-gone');
    await expect(again()).rejects.toMatchObject({ code: 'enrolment_refused' });
    await addGateway(plane, 'killed-and-gone');
    await expect(again()).rejects.toMatchObject({ code: 'enrolment_refused' });
  });

  test('unknown, torn, expired and foreign secrets are refused', async () => {
    await addGateway(plane, 'strict');
    const body = await renewBody(await makeGatewayKeys());
    const { token } = await enrolling().issue('strict');
    const forged = `ptl_enr_${token.slice(8, 18)}_${'A'.repeat(43)}000000`;
    for (const wrong of [forged, token.slice(0, -1), token.replace('enr', 'pat'), 'x', ''])
      await expect(enrolling().enroll({ ...body, token: wrong })).rejects.toMatchObject({ code: 'enrolment_refused' });
    clock = () => Date.now() + HOUR + 1_000;
    await expect(enrolling().enroll({ ...body, token })).rejects.toMatchObject({
      message: expect.stringContaining('expired'),
    });
  });

  test('a request that its sender did not sign is refused, and the secret stays good', async () => {
    await addGateway(plane, 'careful');
    const { token } = await enrolling().issue('careful');
    const body = await renewBody(await makeGatewayKeys());
    const der = Buffer.from(body.csr.replace(/-----[^-]+-----|\s/g, ''), 'base64');
    der[der.length - 1] = (der.at(-1) ?? 0) ^ 1;
    const torn = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----`;
    for (const csr of [torn, 'nonsense', body.csr.replace('REQUEST', 'TEQUEST')])
      await expect(enrolling().enroll({ ...body, csr, token })).rejects.toMatchObject({
        code: 'invalid_body',
        path: 'csr',
      });
    await expect(enrolling().enroll({ ...body, token })).resolves.toMatchObject({ gateway: 'careful' });
  });

  test('no secret for a gateway that is not there or is retired; one made before is worth nothing', async () => {
    await expect(enrolling().issue('nobody')).rejects.toMatchObject({ code: 'not_found' });
    await addGateway(plane, 'gone');
    const { token } = await enrolling().issue('gone');
    await retireGateway(plane, 'gone');
    await expect(enrolling().issue('gone')).rejects.toMatchObject({ code: 'not_found' });
    const body = { ...(await renewBody(await makeGatewayKeys())), token };
    await expect(enrolling().enroll(body)).rejects.toMatchObject({ code: 'enrolment_refused' });
  });

  test('the database holds no secret', async () => {
    await addGateway(plane, 'quiet');
    const { token } = await enrolling().issue('quiet');
    const rows = await plane.database.db.selectFrom('enrolments').selectAll().execute();
    expect(JSON.stringify(rows.map((row) => ({ ...row, sha256: row.sha256.toString() })))).not.toContain(
      token.slice(19, 60),
    );
  });
});

describe('renewal', () => {
  test('the certificate in force gets the next one, for new keys too', async () => {
    const enrolled = await enrolGateway(plane, 'renews');
    const renewed = await enrolling().renew(
      await callerOf(enrolled),
      await renewBody(await makeGatewayKeys(), 'other'),
    );
    expect(spiffeIdOf(new X509Certificate(renewed.certificateChain))).toBe('spiffe://test/gateway/renews');
    const before = new X509Certificate(enrolled.identity.certificateChain);
    expect(new X509Certificate(renewed.certificateChain).serialNumber).not.toBe(before.serialNumber);
  });

  test('a machine that slept for 25 h heals: the expired certificate renews within the grace, and opens nothing else', async () => {
    clock = () => Date.now() - 49 * HOUR; // enrolled two days ago, expired since yesterday
    const sleeper = await enrolGateway(plane, 'sleeper');
    clock = Date.now;
    const caller = await callerOf(sleeper);
    expect(caller).toMatchObject({ authorized: false, authorizationError: 'CERT_HAS_EXPIRED' });
    await expect(enrolling().identify(caller)).rejects.toMatchObject({ code: 'certificate_refused' });
    const renewed = await enrolling().renew(caller, await renewBody(sleeper.keys));
    await expect(enrolling().identify(await callerOf({ keys: sleeper.keys, identity: renewed }))).resolves.toBe(
      'sleeper',
    );
  });

  test('beyond the grace it must enrol again', async () => {
    clock = () => Date.now() - 4 * DAY;
    const late = await enrolGateway(plane, 'late');
    clock = Date.now;
    await expect(enrolling().renew(await callerOf(late), await renewBody(late.keys))).rejects.toMatchObject({
      code: 'certificate_refused',
      message: expect.stringContaining('enrol again'),
    });
  });

  test('an expired certificate of another CA with our names does not renew: "expired" proves no chain', async () => {
    const keys = await makeGatewayKeys();
    await addGateway(plane, 'target');
    const evil = await signedBy('target', keys, { end: Date.now() - HOUR });
    const seen = await callerWith(plane.backbone().material, evil);
    // whatever code TLS gives it, and even if that were "expired"
    for (const authorizationError of [seen.authorizationError, 'CERT_HAS_EXPIRED'])
      await expect(enrolling().renew({ ...seen, authorizationError }, await renewBody(keys))).rejects.toMatchObject({
        code: 'certificate_refused',
      });
  });

  test('a true name on a certificate of another CA is nobody', async () => {
    const keys = await makeGatewayKeys();
    await addGateway(plane, 'target');
    const caller = await callerWith(plane.backbone().material, await signedBy('target', keys));
    expect(caller.authorized).toBe(false);
    await expect(enrolling().identify(caller)).rejects.toMatchObject({ code: 'certificate_refused' });
    await expect(enrolling().renew(caller, await renewBody(keys))).rejects.toMatchObject({
      code: 'certificate_refused',
    });
  });

  test("the control plane's own certificate is no gateway", async () => {
    const { key, certChain: chain } = plane.backbone().material.current();
    const caller = await callerWith(plane.backbone().material, { chain, key });
    expect(caller.authorized).toBe(true);
    await expect(enrolling().identify(caller)).rejects.toMatchObject({
      message: expect.stringContaining('names no gateway'),
    });
  });

  test('retired: refused at once; the same name registered again: the old certificate stays refused, a new one works', async () => {
    const first = await enrolGateway(plane, 'phoenix');
    const caller = await callerOf(first);
    await expect(enrolling().identify(caller)).resolves.toBe('phoenix');
    await retireGateway(plane, 'phoenix');
    const refused = { code: 'certificate_refused' };
    await expect(enrolling().renew(caller, await renewBody(first.keys))).rejects.toMatchObject(refused);
    await expect(enrolling().identify(caller)).rejects.toMatchObject(refused);

    const second = await enrolGateway(plane, 'phoenix');
    await expect(enrolling().identify(caller)).rejects.toMatchObject(refused);
    await expect(enrolling().renew(caller, await renewBody(first.keys))).rejects.toMatchObject(refused);
    await expect(enrolling().identify(await callerOf(second))).resolves.toBe('phoenix');
    const leaf = new X509Certificate(second.identity.certificateChain);
    expect(leaf.notBefore.getTime()).toBeLessThanOrEqual(Date.now());
  });

  test('an answer that could not be given costs no secret', async () => {
    await addGateway(plane, 'patient');
    const { token } = await enrolling().issue('patient');
    const body = { ...(await renewBody(await makeGatewayKeys())), token };
    await plane.database.db.deleteFrom('snapshots').where('gateway', '=', 'patient').execute();
    await expect(enrolling().enroll(body)).rejects.toMatchObject({ code: 'not_ready' });
    await addGateway(plane, 'wakes-the-publisher');
    await expect(enrolling().enroll(body)).resolves.toMatchObject({ gateway: 'patient' });
  });
});
