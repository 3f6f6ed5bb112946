/** From a change of the registry to the gateways, on real PostgreSQL and NATS, with both of them dying. */
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { hopKey, hopProof, parseToken, proofDigest, secretDigest, streams, subjects } from '@portolan/core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { hopKeyAad } from '../keys/kek.ts';
import { mcpServers, put } from '../registry/index.ts';
import { startTestBackbone, type TestBackbone, until } from '../test/backbone.ts';
import { connectAsGateway } from '../test/gateway-client.ts';
import { startBackbone } from '../test/start-backbone.ts';
import {
  addCaller,
  addGateway,
  addServer,
  connectAll,
  documentOf,
  type Enrolled,
  enrolGateway,
  newest,
  retireGateway,
  tablesOf,
} from '../test/world.ts';
import { issueToken, revokeToken } from '../tokens/index.ts';
import { digestOf } from './document.ts';

const HOUR = 3_600_000;
const names = ['aws', 'azure', 'gcp', 'onprem'] as const;
let plane: TestBackbone;
const enrolled = new Map<string, Enrolled>();

beforeAll(async () => {
  plane = await startTestBackbone('  maxStaleness: 4h');
  for (const name of names) enrolled.set(name, await enrolGateway(plane, name));
  await until(() => plane.backbone().nats.connected());
}, 120_000);
afterAll(async () => plane?.[Symbol.asyncDispose]());
beforeEach(() => {
  plane.troubles.length = 0;
});

async function connectTo(name: string): Promise<NatsConnection> {
  const one = enrolled.get(name);
  if (!one) throw new Error(`${name} is not enrolled`);
  return connectAsGateway(plane.config, one.keys, one.identity);
}
/** What is on NATS for a gateway, as it reads it. */
async function onNats(name: string): Promise<string | undefined> {
  const nc = await connectTo(name);
  try {
    const answer = await nc.request(`$JS.API.DIRECT.GET.CFG.${subjects.snapshot(name)}`);
    return answer.headers?.code === 0 || answer.headers?.code === undefined ? answer.string() : undefined;
  } finally {
    await nc.close();
  }
}
/** The control plane's own connection. */
const link = (): Promise<NatsConnection> => until(() => plane.backbone().nats.current());
const stored = async (name: string) => (await plane.backbone().snapshots.newer(name, 0)) ?? '';
const inStep = async (): Promise<boolean> => {
  for (const name of names) if ((await onNats(name).catch(() => undefined)) !== (await stored(name))) return false;
  return true;
};

test('a change reaches those whom it concerns, and nobody else', async () => {
  await connectAll(plane, [
    ['aws', 'azure'],
    ['gcp', 'onprem'],
  ]);
  await until(async () => (await newest(plane, 'onprem')).tables?.peers.length === 1);
  const before = new Map(
    await Promise.all(names.map(async (name) => [name, (await newest(plane, name)).revision] as const)),
  );
  await connectAll(plane, [
    ['aws', 'azure'],
    ['gcp', 'onprem'],
    ['aws', 'gcp'],
  ]);
  await until(async () => (await newest(plane, 'gcp')).tables?.peers.length === 2);
  await until(inStep);
  const raised = await Promise.all(
    names.map(async (name) => (await newest(plane, name)).revision - (before.get(name) ?? 0)),
  );
  expect(raised).toEqual([1, 0, 1, 0]);
});

test("a token's digests are those that its secret gives at this gateway; a revoked one is gone", async () => {
  await addServer(plane, 'm365', 'azure');
  const { token, id } = await addCaller(plane, 'alice', 'm365');
  const { secret } = parseToken(token) ?? { secret: '' };
  for (const name of names) {
    const tables = await until(async () => {
      const found = (await newest(plane, name)).tables;
      return found?.tokens.some((one) => one.id === id) ? found : undefined;
    });
    expect(tables.tokens.find((one) => one.id === id)).toMatchObject({
      kind: 'pat',
      principal: { kind: 'user', name: 'alice' },
      secretSha256: secretDigest(secret).toString('base64url'),
      proofSha256: proofDigest(hopProof(hopKey(secret), name)).toString('base64url'),
    });
    expect(tables.servers.find((one) => one.name === 'm365')?.url).toBe(
      name === 'azure' ? 'http://m365.internal:8080' : undefined,
    );
    expect(tables.grants).toHaveLength(1);
  }
  await revokeToken(plane.database.db, id);
  for (const name of names)
    await until(async () => (await newest(plane, name)).tables?.tokens.every((one) => one.id !== id));
});

test('the admin token stands in no snapshot', async () => {
  const [admin] = await plane.database.db.selectFrom('tokens').select('id').where('role', '=', 'admin').execute();
  expect(admin).toBeDefined();
  for (const name of names) expect(JSON.stringify(await newest(plane, name))).not.toContain(admin?.id);
});

test('a token drops out when it expires, though nobody touches anything', async () => {
  const { id } = await addCaller(plane, 'brief', 'm365');
  await until(async () => (await newest(plane, 'aws')).tables?.tokens.some((one) => one.id === id));
  // changed past the outbox: as if it had been made with this life
  await plane.database.db
    .updateTable('tokens')
    .set({ expires_at: new Date(Date.now() + 1_500) })
    .where('id', '=', id)
    .execute();
  await addServer(plane, 'any', 'aws');
  await until(
    async () => (await newest(plane, 'aws')).tables?.tokens.find((one) => one.id === id)?.expiresAt !== undefined,
  );
  await until(async () => (await newest(plane, 'aws')).tables?.tokens.every((one) => one.id !== id));
});

test('200 changes reach four gateways; at p50 within 250 ms however busy the machine is', async () => {
  const seen = new Map<string, number>();
  const connections = await Promise.all(
    names.map(async (name) => {
      const nc = await connectTo(name);
      nc.subscribe(`push.${name}.>`, {
        callback: (_error, message) => {
          const servers = documentOf(message.string()).tables?.servers ?? [];
          const label = servers.find((one) => one.name === 'moving')?.description;
          if (label !== undefined) seen.set(`${label} ${name}`, performance.now());
        },
      });
      await nc.flush();
      return nc;
    }),
  );
  const { db } = plane.database;
  const took: number[] = [];
  for (let i = 0; i < 200; i += 1) {
    const begun = performance.now();
    await put(db, mcpServers, 'moving', { url: 'http://moving.internal', gateway: 'aws', description: `change ${i}` });
    await until(() => names.every((name) => seen.has(`change ${i} ${name}`)));
    took.push(Math.max(...names.map((name) => seen.get(`change ${i} ${name}`) ?? 0)) - begun);
  }
  await Promise.all(connections.map((nc) => nc.close()));
  took.sort((a, b) => a - b);
  console.info(
    `change → 4 gateways, 200 times: p50 ${took[100]?.toFixed(1)} ms, p99 ${took[197]?.toFixed(1)} ms, max ${took[199]?.toFixed(1)} ms`,
  );
  expect(took[100]).toBeLessThanOrEqual(250);
}, 120_000);

describe('heals', () => {
  test('NATS killed and its store wiped: everything is there again, byte for byte', async () => {
    await plane.nats.kill();
    await plane.wipeNats();
    await addServer(plane, 'made-without-nats', 'gcp');
    await until(async () =>
      (await newest(plane, 'aws')).tables?.servers.some(({ name }) => name === 'made-without-nats'),
    );
    await plane.nats.start();
    await until(inStep, 20_000);
  }, 60_000);

  test('another value in the stream, with our stream and without our signature, is replaced', async () => {
    const nc = await link();
    nc.publish(subjects.snapshot('aws'), 'forged');
    await nc.flush();
    await until(async () => (await onNats('aws')) === 'forged');
    await plane.restart();
    await until(inStep);
  });

  test('a database restored from a backup: the next revision passes what gateways have', async () => {
    await until(inStep);
    const { db } = plane.database;
    const { revision } = await newest(plane, 'aws');
    await db
      .deleteFrom('snapshots')
      .where('gateway', '=', 'aws')
      .where('revision', '>', revision - 2)
      .execute();
    expect((await newest(plane, 'aws')).revision).toBe(revision - 2);
    await plane.restart();
    const next = await until(async () => {
      const found = await newest(plane, 'aws');
      return found.revision > revision ? found : undefined;
    });
    expect(next.tables?.servers.length).toBeGreaterThan(0);
    await until(inStep);
  });

  test('so it does where NATS comes late, and the view is another one by then', async () => {
    await addServer(plane, 'before-the-backup', 'aws');
    await until(async () =>
      (await newest(plane, 'aws')).tables?.servers.some(({ name }) => name === 'before-the-backup'),
    );
    await until(inStep);
    const { db } = plane.database;
    const { revision } = await newest(plane, 'aws');
    await db.deleteFrom('snapshots').where('gateway', '=', 'aws').where('revision', '=', revision).execute();
    await plane.nats.kill();
    await plane.restart();
    await until(async () => (await newest(plane, 'aws')).revision === revision); // another document under the same number
    await plane.nats.start();
    await until(async () => (await newest(plane, 'aws')).revision > revision);
    await until(inStep);
  });

  test('PostgreSQL killed and started again: the next change goes through', async () => {
    await plane.postgres.kill();
    await plane.postgres.start();
    await until(() =>
      addServer(plane, 'after-postgres', 'aws').then(
        () => true,
        () => false,
      ),
    );
    await until(async () =>
      (await newest(plane, 'azure')).tables?.servers.some(({ name }) => name === 'after-postgres'),
    );
    await until(inStep);
  }, 60_000);

  test('an outbox row whose NOTIFY was lost is found', async () => {
    const { db } = plane.database;
    await db
      .insertInto('mcp_servers')
      .values({ name: 'unannounced', url: 'http://u.internal', gateway: 'aws', description: null })
      .execute();
    await db.insertInto('outbox').values({ kind: 'mcp-server', name: 'unannounced' }).execute();
    await until(async () => (await newest(plane, 'gcp')).tables?.servers.some(({ name }) => name === 'unannounced'));
  });
});

test('a document that ages is signed anew, with the same content', async () => {
  const before = await newest(plane, 'aws');
  await plane.restart(() => Date.now() + HOUR);
  const after = await until(async () => {
    const found = await newest(plane, 'aws');
    return found.revision > before.revision ? found : undefined;
  });
  expect(after.issuedAt - before.issuedAt).toBeGreaterThanOrEqual(HOUR - 60_000);
  expect(after.tables).toEqual(before.tables);
  await plane.restart();
});

test('of two instances one renders; the other takes over', async () => {
  const troubles: string[] = [];
  const second = await startBackbone({
    config: plane.config,
    database: plane.database,
    kek: plane.kek,
    onMetrics: () => {},
    onTrouble: (doing, error) => void troubles.push(`${doing}: ${error}`),
    onAlarm: () => {},
  });
  for (let i = 0; i < 5; i += 1) await addGateway(plane, `crowd-${i}`);
  const rows = await plane.database.db
    .selectFrom('snapshots')
    .select(['gateway', 'revision'])
    .where('gateway', 'like', 'crowd-%')
    .execute();
  expect(rows.every(({ revision }) => revision === 1)).toBe(true);
  await plane.backbone().stop();
  await addServer(plane, 'by-the-second', 'aws');
  await until(async () => (await newest(plane, 'aws')).tables?.servers.some(({ name }) => name === 'by-the-second'));
  await second.stop();
  await plane.restart();
  expect([...troubles, ...plane.troubles]).toEqual([]);
}, 30_000);

test('a retired gateway gets an empty document, its peers forget it', async () => {
  await connectAll(plane, [['aws', 'azure']]);
  await addGateway(plane, 'leaving');
  await connectAll(plane, [
    ['aws', 'azure'],
    ['aws', 'leaving'],
  ]);
  await until(async () => (await newest(plane, 'aws')).tables?.peers.length === 2);
  await retireGateway(plane, 'leaving');
  await until(async () => (await newest(plane, 'aws')).tables?.peers.length === 1);
  expect((await newest(plane, 'leaving')).tables).toEqual({ peers: [], servers: [], grants: [], tokens: [] });
});

test('a view that outgrew one message comes in parts, inline over HTTPS, and is no drift in either form', async () => {
  const { db } = plane.database;
  const model = await issueToken(
    db,
    plane.kek,
    { principal: { kind: 'user', name: 'alice' }, expiresInSeconds: 3_600 },
    Date.now(),
  );
  const row = await db.selectFrom('tokens').selectAll().where('id', '=', model.id).executeTakeFirstOrThrow();
  const many = await Promise.all(
    Array.from({ length: 4_000 }, async (_, i) => {
      const id = `bulk${String(i).padStart(6, '0')}`;
      return { ...row, id, sealed_hop_key: await plane.kek.seal(Buffer.alloc(32, i), hopKeyAad(id)) };
    }),
  );
  for (let i = 0; i < many.length; i += 1_000)
    await db
      .insertInto('tokens')
      .values(many.slice(i, i + 1_000))
      .execute();
  await addServer(plane, 'bulky', 'aws');
  const inline = await until(async () => {
    const found = await stored('aws');
    return (documentOf(found).tables?.tokens.length ?? 0) > 4_000 ? found : undefined;
  }, 30_000);
  const head = await until(async () => {
    const found = documentOf((await onNats('aws')) ?? '');
    return found.revision === documentOf(inline).revision ? found : undefined;
  });
  expect(head.tables).toBeUndefined();
  const nc = await connectTo('aws');
  const parts = await Promise.all(
    (head.parts ?? []).map(
      async ({ sha256 }) => (await nc.request(`$JS.API.DIRECT.GET.CFG.${subjects.snapshotPart('aws', sha256)}`)).data,
    ),
  );
  await nc.close();
  expect(tablesOf(parts)).toEqual(documentOf(inline).tables);

  const published = await db
    .selectFrom('snapshots')
    .select('digest')
    .where('gateway', '=', 'aws')
    .where('revision', '=', head.revision)
    .executeTakeFirstOrThrow();
  expect([head.digest, digestOf(inline)]).toEqual([published.digest, published.digest]);
}, 60_000);

test('a digest that an older release made in another way is put right at start', async () => {
  const { db } = plane.database;
  const inline = await stored('aws');
  const { revision } = documentOf(inline);
  await db
    .updateTable('snapshots')
    .set({ digest: 'of the head' })
    .where('gateway', '=', 'aws')
    .where('revision', '=', revision)
    .execute();
  await plane.restart();
  const row = db.selectFrom('snapshots').select('digest').where('gateway', '=', 'aws').where('revision', '=', revision);
  await until(async () => (await row.executeTakeFirst())?.digest === digestOf(inline));
});

test('a part that the stream has lost is there again after a restart, though its head never changed', async () => {
  const head = await onNats('aws');
  const [part] = documentOf(head ?? '').parts ?? [];
  if (!part) throw new Error('expected a document in parts');
  const subject = subjects.snapshotPart('aws', part.sha256);
  const manager = await jetstreamManager(await link());
  await manager.streams.purge(streams.config, { filter: subject });
  expect(await manager.streams.getMessage(streams.config, { last_by_subj: subject })).toBeNull();
  await plane.restart();
  const again = await until(async () => {
    const { streams: present } = await jetstreamManager(await link());
    return (await present.getMessage(streams.config, { last_by_subj: subject })) ?? undefined;
  });
  expect(again.data.length).toBe(part.size);
  expect(await onNats('aws')).toBe(head);
});
