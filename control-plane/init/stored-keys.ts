/**
 * The keys of `init` in PostgreSQL, for a control plane whose data directory does not last: each file sealed by the KEK and bound to its path.
 * Invariant: whoever makes keys holds a lock from before the first read until what was made is committed, so that however many begin at once, one
 * set of keys is born; and nothing is written anywhere before every stored file has opened.
 */
import { mkdir } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import pg from 'pg';
import { type Config, dataFiles } from '../config.ts';
import { clientOptions, freeWhenDead, locks } from '../db/index.ts';
import { type Kek, keyMaterialAad } from '../keys/kek.ts';
import { keyFiles } from '../keys/key-files.ts';
import { readIfThere, writePrivately } from '../keys/private-files.ts';

/** What `init` makes and can make only once. `nats.conf` is rendered from it, and the KEK comes from elsewhere. */
function keptFiles({ dataDir, siteCertificate: own, kubernetes }: Config): readonly string[] {
  const { meshRoot, meshCa, meshIssuer, snapshotKey, natsKeys, siteRoot } = keyFiles(dataDir);
  const { siteCa, siteCertificate, siteKey, adminToken } = dataFiles(dataDir);
  // an ordered pair lies there, too, and is kept with the orders
  const site = 'hosts' in own ? [siteRoot, siteCa, siteKey, siteCertificate] : [];
  const token = kubernetes?.adminTokenSecret === undefined ? [adminToken] : [];
  return [meshRoot, meshCa, meshIssuer, snapshotKey, natsKeys, ...site, ...token];
}

/** Writes the stored files, lets `make` make what is missing, stores what differs then. Needs the schema. */
export async function withStoredKeys(config: Config, kek: Kek, make: () => Promise<void>): Promise<void> {
  const client = new pg.Client(clientOptions(config.database));
  client.on('error', () => {}); // the query in flight rejects with the same error
  await client.connect();
  try {
    await freeWhenDead(client);
    await client.query('SELECT pg_advisory_lock($1)', [locks.birth]);
    const stored = await openAll(client, kek);
    for (const [path, content] of stored) await restore(join(config.dataDir, path), content);
    await make();
    await store(client, await changed(config, kek, stored));
  } finally {
    await client.end(); // frees the lock
  }
}

/** Path below the data directory → its content. */
async function openAll(client: pg.Client, kek: Kek): Promise<ReadonlyMap<string, string>> {
  const { rows } = await client.query<{ path: string; sealed: Buffer }>(
    'SELECT path, sealed FROM key_material ORDER BY path',
  );
  const opened = rows.map(async ({ path, sealed }) => [path, await open(kek, path, sealed)] as const);
  return new Map(await Promise.all(opened));
}

async function open(kek: Kek, path: string, sealed: Buffer): Promise<string> {
  return kek.open(sealed, keyMaterialAad(path)).then(
    (plain) => plain.toString(),
    (cause: unknown) => {
      throw new Error(
        `Keys: the stored file "${path}" does not open with the key in keys.kekFile. The database's keys were sealed by another key-encryption key: ` +
          'put that one back (its Secret or its backup). Nothing was changed.',
        { cause },
      );
    },
  );
}

/** The database's copy is the one that holds. */
async function restore(path: string, content: string): Promise<void> {
  if ((await readIfThere(path)) === content) return;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writePrivately(path, content);
}

async function changed(
  config: Config,
  kek: Kek,
  stored: ReadonlyMap<string, string>,
): Promise<ReadonlyMap<string, Buffer>> {
  const found = new Map<string, Buffer>();
  for (const file of keptFiles(config)) {
    const content = await readIfThere(file);
    const path = relative(config.dataDir, file);
    if (content !== undefined && content !== stored.get(path))
      found.set(path, await kek.seal(Buffer.from(content), keyMaterialAad(path)));
  }
  return found;
}

/** All or none: a root without the issuer that it signed would be of no use. */
async function store(client: pg.Client, files: ReadonlyMap<string, Buffer>): Promise<void> {
  await client.query('BEGIN');
  for (const [path, sealed] of files)
    await client.query(
      `INSERT INTO key_material (path, sealed) VALUES ($1, $2)
        ON CONFLICT (path) DO UPDATE SET sealed = excluded.sealed, updated_at = now()`,
      [path, sealed],
    );
  await client.query('COMMIT');
}
