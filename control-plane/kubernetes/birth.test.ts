/** The Secrets of birth against a stand-in of the API server: made once, never touched again, and words for whoever must mend something. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findPassword } from '../db/pass-file.ts';
import { startTestApiServer, type TestApiServer } from '../test/api-server.ts';
import { birth } from './birth.ts';
import { inClusterSecrets } from './in-cluster.ts';

let server: TestApiServer;
beforeEach(async () => {
  server = await startTestApiServer();
});
afterEach(() => server?.[Symbol.asyncDispose]());

const kubernetes = {
  kekSecret: 'control-kek',
  databaseSecret: { name: 'control-database', host: 'postgres', port: 5432, user: 'portolan', database: 'a:b' },
  adminTokenSecret: 'control-admin',
};

async function born(): Promise<string[]> {
  const lines: string[] = [];
  await birth(
    { ...server.config, kubernetes },
    (line) => lines.push(line),
    (config) => inClusterSecrets(config, server.directory),
  );
  return lines;
}
const dataOf = (name: string, key: string): Buffer =>
  Buffer.from(server.secrets.get(name)?.data?.[key] ?? '', 'base64');

test('it makes the key-encryption key and the password once, and says which, not what', async () => {
  const lines = await born();
  expect(lines).toEqual([
    'made Secret control-kek in namespace portolan-control',
    'made Secret control-database in namespace portolan-control',
  ]);
  expect(dataOf('control-kek', 'kek')).toHaveLength(32);
  expect(server.secrets.get('control-kek')).toMatchObject({ immutable: true, kind: 'Secret', type: 'Opaque' });
  const password = dataOf('control-database', 'password').toString();
  expect(password).toMatch(/^[\w-]{43}$/);
  const pgpass = dataOf('control-database', 'pgpass').toString();
  expect(findPassword(pgpass, ['postgres', '5432', 'a:b', 'portolan'])).toBe(password);
  const before = structuredClone([...server.secrets]);
  expect(await born()).toEqual([]);
  expect([...server.secrets]).toEqual(before);
  expect(server.secrets.has('control-admin')).toBe(false);
});

test('what another birth makes between our two calls holds', async () => {
  const theirs = { data: { kek: Buffer.alloc(32, 7).toString('base64') }, metadata: { name: 'control-kek' } };
  server.beforeCreate = (name) => {
    if (name === 'control-kek') server.secrets.set(name, theirs);
  };
  expect(await born()).toEqual(['made Secret control-database in namespace portolan-control']);
  expect(server.secrets.get('control-kek')).toBe(theirs);
});

test.each([
  ['without the key', 'control-kek', {}, /control-kek" .*its key "kek" does not hold 32 bytes.*left as it is/],
  ['without data', 'control-kek', undefined, /"kek" does not hold 32 bytes/],
  ['with a short key', 'control-kek', { kek: 'YWJj' }, /put the key-encryption key there/],
  ['without pgpass', 'control-database', { password: 'YWJj' }, /lacks key "password" or "pgpass": add what is missing/],
])('a Secret %s is an error that says the way out, and stays', async (_, name, data, words) => {
  const there = { ...(data && { data }), metadata: { name } };
  server.secrets.set(name, there as never);
  await expect(born()).rejects.toThrow(words);
  expect(server.secrets.get(name)).toEqual(there);
});

test.each(['get', 'create'])('without the right to %s, the Role that is missing is named', async (verb) => {
  server.allowed.delete(verb);
  await expect(born()).rejects.toThrow(
    new RegExp(
      `cannot ${verb} Secret "control-kek" in namespace "portolan-control".*403: secrets .*Expected a Role in "portolan-control" with verbs get and create on resource secrets`,
    ),
  );
  expect(server.secrets.size).toBe(0);
});

test('a token that is not accepted, a server that is not the one of the CA, and no cluster at all', async () => {
  await writeFile(join(server.directory, 'token'), 'other');
  await expect(born()).rejects.toThrow(/does not accept the token of this pod \(401\)/);
  await using other = await startTestApiServer();
  const config = { ...other.config, kubernetes };
  const foreign = birth(
    config,
    () => {},
    (given) => inClusterSecrets(given, server.directory),
  );
  await expect(foreign).rejects.toThrow(/no answer from the API server/);
  expect(other.asked).toEqual([]); // not even our token went there
  await expect(birth({ kubernetes }, () => {})).rejects.toThrow('KUBERNETES_SERVICE_HOST');
  await expect(birth({}, () => {})).rejects.toThrow('no section "kubernetes:"');
});
