/** The site's certificate is read again when its files change, and a broken pair never replaces a good one. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeIssuer, makeRoot } from '../mesh-ca/authority.ts';
import { makeLeaf } from '../mesh-ca/leaf.ts';
import { certificatePem, keyPem, makeKeys, PublicKey } from '../mesh-ca/x509.ts';
import { SiteCertificate } from './site-certificate.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'portolan-site-'));
});
afterAll(async () => rm(dir, { recursive: true }));

async function makePair() {
  const issuer = await makeIssuer(await makeRoot('test root', Date.now(), 1), { federation: 'test' }, Date.now());
  const keys = await makeKeys();
  const leaf = {
    publicKey: await PublicKey.create(keys.publicKey),
    spiffeId: 'spiffe://test/control',
    dnsNames: ['x.test'],
    lifeMs: 60_000,
  };
  return { cert: certificatePem(await makeLeaf(issuer, leaf, Date.now())), key: await keyPem(keys.privateKey) };
}

test('changes are seen, halves are refused, nothing is lost', async () => {
  const files = { certFile: join(dir, 'tls.crt'), keyFile: join(dir, 'tls.key') };
  await expect(SiteCertificate.open(files, () => {})).rejects.toThrow(
    `${files.certFile} cannot be read. Run "control-plane init" first`,
  );
  const [first, second] = [await makePair(), await makePair()];
  const put = async (pair: { cert: string; key: string }) => {
    await writeFile(files.certFile, pair.cert);
    await writeFile(files.keyFile, pair.key);
  };
  await put(first);
  const site = await SiteCertificate.open(files, () => {});
  let changes = 0;
  site.onChange(() => {
    changes += 1;
  });
  await site.refresh();
  expect([site.current(), changes]).toEqual([first, 0]);
  await put({ cert: second.cert, key: first.key }); // a renewal that is half done
  await expect(site.refresh()).rejects.toThrow('does not belong to certificate');
  expect(site.current()).toEqual(first);
  await put(second);
  await site.refresh();
  expect([site.current(), changes]).toEqual([second, 1]);
  site.stop();
});
