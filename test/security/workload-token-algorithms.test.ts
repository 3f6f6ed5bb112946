/** The algorithm of a token is ours to choose, not its sender's (RFC 8725 §3.1): no `none`, no HMAC with a public key as its secret, no key of its own. */
import { createHmac, createPublicKey } from 'node:crypto';
import { expect, test } from 'vitest';
import { Cluster } from '../../control-plane/test/cluster.ts';
import { doorOfPods } from '../../control-plane/test/enrolment-door.ts';

const pods = doorOfPods();

const silent = {
  status: 403,
  body: { error: { code: 'enrolment_refused', message: expect.stringContaining('token is not accepted.') } },
};

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const kid = (): string => pods.cluster.publicKey.kid;

test.each(['none', 'None', 'NONE', '', null])('alg %j is refused, with a signature and without', async (alg) => {
  const [, payload, signature] = (await pods.cluster.token()).split('.');
  for (const end of ['', signature]) {
    const header = part({ alg, kid: kid() });
    expect(await pods.door.enrol(`${header}.${payload}.${end}`)).toMatchObject(silent);
  }
});

test.each(['HS256', 'HS384', 'HS512'])(
  '%s with each spelling of the public key as its secret is refused',
  async (alg) => {
    const key = createPublicKey({ key: pods.cluster.publicKey as never, format: 'jwk' });
    const spellings = [
      key.export({ type: 'spki', format: 'pem' }),
      key.export({ type: 'spki', format: 'der' }),
      key.export({ type: 'pkcs1', format: 'pem' }),
      JSON.stringify(pods.cluster.publicKey),
    ];
    for (const secret of spellings) {
      const text = `${part({ alg, kid: kid() })}.${part(pods.cluster.payload())}`;
      const mac = createHmac(`sha${alg.slice(2)}`, secret)
        .update(text)
        .digest('base64url');
      expect(await pods.door.enrol(`${text}.${mac}`)).toMatchObject(silent);
    }
  },
);

test('a header cannot bring a key, an address of keys, or an extension that must be understood', async () => {
  const forger = await Cluster.start('aws');
  const jku = 'https://127.0.0.1:1/jwks';
  for (const header of [
    { jwk: forger.publicKey },
    { jku, kid: 'new' },
    { x5u: jku },
    { kid: '../../../dev/null' },
    { kid: "' OR 1=1" },
  ])
    expect(await pods.door.enrol(await forger.token({ header }))).toMatchObject(silent);
  const [, payload, signature] = (await pods.cluster.token()).split('.');
  const crit = part({ alg: 'RS256', kid: kid(), crit: ['exp'], exp: 1 });
  expect(await pods.door.enrol(`${crit}.${payload}.${signature}`)).toMatchObject(silent);
});

test('one bit of a signature more or less is refused, and what was signed enrols', async () => {
  const token = await pods.cluster.token();
  const bytes = Buffer.from(token.split('.')[2] ?? '', 'base64url');
  bytes[9] = (bytes[9] ?? 0) ^ 1;
  const torn = [...token.split('.').slice(0, 2), bytes.toString('base64url')].join('.');
  expect(await pods.door.enrol(torn)).toMatchObject(silent);
  expect((await pods.door.enrol(token)).status).toBe(200);
});
