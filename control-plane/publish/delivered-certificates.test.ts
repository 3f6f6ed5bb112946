/** What a snapshot carries of an ordered certificate, without database and network. */
import { compactDecrypt } from 'jose';
import { expect, test } from 'vitest';
import { newKey } from '../acme/store.ts';
import { certificateKeyAad, kekOf } from '../keys/kek.ts';
import { makeGatewayKeys } from '../test/gateway-client.ts';
import { DeliveredCertificates } from './delivered-certificates.ts';
import { type Content, contentHash, draftOf } from './document.ts';

const kek = kekOf(Buffer.alloc(32, 1));
const key = newKey();
const rowFor = async (plane: string, by = kek) => ({
  plane,
  chain: 'chain of aws',
  wrapped_key: await by.seal(key.export({ type: 'pkcs8', format: 'der' }), certificateKeyAad('aws')),
});
const replicasOf = async (...names: readonly string[]) =>
  Promise.all(
    names.map(async (replica) => {
      const { sealJwk, sealKey } = await makeGatewayKeys();
      return { gateway: 'aws', replica, jwk: sealJwk, sealKey };
    }),
  );
const hashWith = (certificate: Content['certificate']): string =>
  contentHash(draftOf({ sealingKeys: [], tables: {}, ...(certificate && { certificate }) } as unknown as Content));

test('the key is sealed to each replica, once; sealed anew it is the same content, for another replica or chain it is not', async () => {
  const [one, two] = await replicasOf('one', 'two');
  if (!one || !two) throw new Error('two were made');
  const told: string[] = [];
  const delivered = new DeliveredCertificates(kek, (what) => told.push(what));
  const row = await rowFor('aws');
  const first = await delivered.deliver(row, [one]);
  const both = await delivered.deliver(row, [one, two]);
  expect(Object.keys(both?.sealed ?? {})).toEqual(['one', 'two']);
  expect(both?.sealed.one).toBe(first?.sealed.one);
  const { plaintext } = await compactDecrypt(both?.sealed.two ?? '', two.sealKey);
  expect(new TextDecoder().decode(plaintext)).toBe(key.export({ type: 'pkcs8', format: 'pem' }));
  await expect(compactDecrypt(both?.sealed.two ?? '', one.sealKey)).rejects.toThrow();
  const after = await new DeliveredCertificates(kek, () => {}).deliver(row, [one, two]); // a control plane that has started anew
  expect(after?.sealed.one).not.toBe(both?.sealed.one);
  expect(hashWith(after)).toBe(hashWith(both));
  const renewed = await delivered.deliver({ ...row, chain: 'the next chain' }, [one, two]);
  expect(renewed?.sealed.one).not.toBe(both?.sealed.one);
  expect(new Set([undefined, first, both, renewed].map(hashWith)).size).toBe(4);
  expect(told).toEqual([]);
});

test('a key that another KEK sealed, or for another plane, is left out and told; before the first there is none', async () => {
  const told: string[] = [];
  const delivered = new DeliveredCertificates(kek, (what) => told.push(what));
  const replicas = await replicasOf('one');
  expect(await delivered.deliver(undefined, replicas)).toBeUndefined();
  expect(await delivered.deliver({ plane: 'aws', chain: null, wrapped_key: null }, replicas)).toBeUndefined();
  expect(await delivered.deliver(await rowFor('aws', kekOf(Buffer.alloc(32, 2))), replicas)).toBeUndefined();
  expect(await delivered.deliver(await rowFor('gcp'), replicas)).toBeUndefined();
  expect(told).toEqual(['key of the certificate of gateway aws', 'key of the certificate of gateway gcp']);
});
