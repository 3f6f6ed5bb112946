/** Where the admin token is found, and what is said where it is not: over real HTTP, from a server that answers as the Kubernetes API does. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { AdminTokenMissing, readAdminToken } from './admin-token.ts';

const dir = mkdtempSync(join(tmpdir(), 'portolan-admin-token-'));
const kubeconfig = join(dir, 'kubeconfig');
const adminTokenFile = join(dir, 'admin-token');
let server: Server;
let answers: { status: number; body: object };

beforeAll(async () => {
  server = createServer(({ url }, response) => {
    const known = url === '/api/v1/namespaces/portolan-control/secrets/admin-token';
    response.writeHead(known ? answers.status : 500, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answers.body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const cluster = { server: address, 'insecure-skip-tls-verify': true }; // the client takes no plain HTTP without
  const file = {
    clusters: [{ name: 'one', cluster }],
    users: [{ name: 'ops', user: { token: 'kubeconfig-secret' } }],
    contexts: [{ name: 'one', context: { cluster: 'one', user: 'ops' } }],
    'current-context': 'one',
  };
  writeFileSync(kubeconfig, JSON.stringify(file));
});
afterAll(() => {
  server.close();
  rmSync(dir, { recursive: true, force: true });
});
beforeEach(() => rmSync(adminTokenFile, { force: true }));

const adminTokenSecret = { kubeconfig, namespace: 'portolan-control', name: 'admin-token' };
const secret = (data: Readonly<Record<string, string>>) => ({ status: 200, body: { kind: 'Secret', data } });
const refusal = (place: Parameters<typeof readAdminToken>[0]) => readAdminToken(place).catch((error: unknown) => error);

test('a Secret that is not there yet may come; what is said names it and holds no credential', async () => {
  answers = { status: 404, body: { kind: 'Status', message: 'secrets "admin-token" not found' } };
  const error = await refusal({ adminTokenSecret });
  expect(error).toBeInstanceOf(AdminTokenMissing);
  expect(String(error)).toMatch(/Secret portolan-control\/admin-token.*404 secrets "admin-token" not found/);
  expect(String(error)).not.toContain('kubeconfig-secret');
});

test('a Secret without the key says so', async () => {
  answers = secret({ other: 'x' });
  expect(String(await refusal({ adminTokenSecret }))).toMatch(/has no key "token"/);
});

test('a context that the file does not have is named', async () => {
  expect(String(await refusal({ adminTokenSecret: { ...adminTokenSecret, context: 'two' } }))).toMatch(
    /it has no context "two", but one/,
  );
});

test('the Secret, and the file in its place once it is there', async () => {
  answers = secret({ token: Buffer.from('from-secret\n').toString('base64') });
  expect(await readAdminToken({ adminTokenFile, adminTokenSecret })).toBe('from-secret');
  writeFileSync(adminTokenFile, 'from-file\n');
  expect(await readAdminToken({ adminTokenFile, adminTokenSecret })).toBe('from-file');
});

test('a file alone that is not there', async () => {
  expect(String(await refusal({ adminTokenFile }))).toMatch(/admin-token cannot be read \(ENOENT\)/);
});
