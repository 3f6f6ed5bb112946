// PostgreSQL from npm, for real: it starts, only the password file opens it, data survives a restart, nothing is left.

import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { expect, test } from 'vitest';
import { postgresLaunch, startPostgres } from './index.ts';
import { prepareCluster } from './prepare-cluster.ts';

async function query(url: string, password: string, sql: string): Promise<unknown[]> {
  const { hostname: host, port, username: user, pathname } = new URL(url);
  const client = new pg.Client({ host, port: Number(port), user, database: pathname.slice(1), password });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

async function passwordOf(passFile: string): Promise<string> {
  return (await readFile(passFile, 'utf8')).split('\n')[0]?.split(':')[4] ?? '';
}

test('serves its database to the role of the password file, which is no superuser, and to nobody else', async () => {
  await using postgres = await startPostgres();
  const password = await passwordOf(postgres.passFile);
  const [row] = await query(
    postgres.url,
    password,
    'select current_user as who, usesuper as mighty from pg_user where usename = current_user',
  );
  expect(row).toEqual({ who: 'portolan', mighty: false });
  await expect(query(postgres.url, 'wrong', 'select 1')).rejects.toThrow(/password authentication failed/);
  await expect(query(postgres.url.replace('portolan@', 'postgres@'), '', 'select 1')).rejects.toThrow();
  expect(postgres.url).not.toContain(password);
  expect((await stat(postgres.passFile)).mode & 0o777).toBe(0o600);
});

test('data and password survive a restart, and preparing again changes nothing', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'portolan-test-'));
  try {
    const first = await startPostgres({ dir });
    const password = await passwordOf(first.passFile);
    await query(first.url, password, 'create table kept (n int)');
    await first.stop();
    await prepareCluster(dir);
    expect(await passwordOf(first.passFile)).toBe(password);
    await using again = await startPostgres({ dir });
    expect(await query(again.url, password, 'select count(*)::int as n from kept')).toEqual([{ n: 0 }]);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});

test('two that prepare the same folder at once agree on one cluster', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'portolan-test-'));
  try {
    const [one, two] = await Promise.all([prepareCluster(dir), prepareCluster(dir)]);
    expect(one.folder).toBe(two.folder);
    await using postgres = await startPostgres({ dir });
    expect(await query(postgres.url, await passwordOf(postgres.passFile), 'select 1 as one')).toEqual([{ one: 1 }]);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});

test('a folder made for it is gone after stop', async () => {
  const postgres = await startPostgres();
  expect(existsSync(postgres.passFile)).toBe(true);
  await postgres.stop();
  expect(existsSync(postgres.passFile)).toBe(false);
});

test('a launch names a command whose pid is the server, and holds no password', async () => {
  const launch = await postgresLaunch('/nowhere/data', 15432);
  expect(launch.url).toBe('postgres://portolan@127.0.0.1:15432/portolan');
  expect(launch.args).toContain('listen_addresses=127.0.0.1');
  expect(launch.prepare[0]?.args).toContain('/nowhere/data');
});
