import { generateKeyPairSync } from 'node:crypto';
import { createUser } from '@nats-io/nkeys';
import { expect, test } from 'vitest';
import { configMap, declared, deployment, secret } from '../test/manifests.ts';
import { type Declared, noKeyMaterial, notYetKnown, violationText } from './index.ts';

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const publicPem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
const [jwk, publicJwk] = [privateKey.export({ format: 'jwk' }), publicKey.export({ format: 'jwk' })];
const nkey = createUser();
const seed = new TextDecoder().decode(nkey.getSeed());

const anywhere = (value: unknown) => declared('aws:ssm/parameter:Parameter', { value });
const paths = (resource: Declared) => noKeyMaterial(resource).map(({ path }) => path);

test.each<[string, Declared]>([
  ['our gateway', deployment()],
  ['a public key', anywhere(publicPem)],
  ['a certificate', anywhere('-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----')],
  [
    'a public JWK, as of workload identity',
    declared('portolan:registry:Gateway', { workloadIdentity: { jwks: { keys: [publicJwk] } } }),
  ],
  ['a public JWK as text', anywhere(JSON.stringify({ keys: [publicJwk] }))],
  ['a public nkey', anywhere(nkey.getPublicKey())],
  ['words about keys', anywhere('see BEGIN PRIVATE KEY in RFC 7468')],
  ['an object with a d and no kty', anywhere({ c: 1, d: 'x' })],
  [
    'a certificate that someone else’s key signs',
    declared('tls:index/locallySignedCert:LocallySignedCert', { certRequestPem: publicPem }),
  ],
  ['what only an update knows', anywhere(notYetKnown)],
])('passes: %s', (_what, resource) => {
  expect(paths(resource)).toEqual([]);
});

test.each<[string, Declared, string]>([
  ['a key of @pulumi/tls', declared('tls:index/privateKey:PrivateKey', { algorithm: 'ECDSA' }), ''],
  ['a random password', declared('random:index/randomPassword:RandomPassword', { length: 32 }), ''],
  ['an access key of AWS', declared('aws:iam/accessKey:AccessKey', { user: 'x' }), ''],
  ['PKCS #8', anywhere(pem), 'value'],
  ['SEC 1', anywhere(privateKey.export({ type: 'sec1', format: 'pem' })), 'value'],
  ['an encrypted one', anywhere('-----BEGIN ENCRYPTED PRIVATE KEY-----'), 'value'],
  ['OpenSSH', anywhere('-----BEGIN OPENSSH PRIVATE KEY-----'), 'value'],
  ['PGP', anywhere('-----BEGIN PGP PRIVATE KEY BLOCK-----'), 'value'],
  ['deep in a list', anywhere([{ chain: ['x', pem] }]), 'value[0].chain[1]'],
  ['encoded, as in a Secret', secret({ data: { 'tls.key': Buffer.from(pem).toString('base64') } }), 'data.tls.key'],
  [
    'in a kubeconfig',
    declared('pulumi:providers:kubernetes', {
      kubeconfig: `users: [{user: {client-key-data: ${Buffer.from(pem).toString('base64')}}}]`,
    }),
    'kubeconfig',
  ],
  ['a JWK', anywhere(jwk), 'value'],
  [
    'a JWK inside a file',
    configMap({ 'jwks.json': JSON.stringify({ keys: [publicJwk, jwk] }) }),
    'data.jwks.json.keys[1]',
  ],
  ['a symmetric JWK', anywhere({ kty: 'oct', k: 'GawgguFyGrWKav7AX4VKUg' }), 'value'],
  ['a seed of NATS', configMap({ 'nats.creds': `-----BEGIN USER NKEY SEED-----\n${seed}\n` }), 'data.nats.creds'],
])('stops: %s', (_what, resource, path) => {
  expect(paths(resource)).toEqual([path]);
  const said = noKeyMaterial(resource).map(violationText).join('\n');
  for (const value of [pem.slice(30, 60), seed, String(jwk.d)]) expect(said).not.toContain(value);
});
