/**
 * Birth: everything that must exist before the control plane's first start, and before NATS' (`control-plane init --config <file>`).
 * Idempotent: each step leaves alone what is there. Keys are made here and nowhere else; whatever is lost of them is lost for good.
 */
import { type Config, dataFiles, kekFileOf, siteFiles } from '../config.ts';
import { migrate, openDatabase } from '../db/index.ts';
import { type Kek, readKekFile, writeKekFile } from '../keys/kek.ts';
import { keyFiles } from '../keys/key-files.ts';
import { makePrivateDirectory, readIfThere, writePrivately } from '../keys/private-files.ts';
import { writeSnapshotKey } from '../keys/snapshot-key.ts';
import { inClusterSecrets } from '../kubernetes/index.ts';
import { makeRoot, mayName, readAuthority, sealAuthority, writeAuthority } from '../mesh-ca/authority.ts';
import { isOld, reissue } from '../mesh-ca/signer.ts';
import { certificatePem } from '../mesh-ca/x509.ts';
import { readNatsKeys, serverMaterial, writeNatsKeys } from '../nats/keys.ts';
import { renderNatsConf } from '../nats/render-conf.ts';
import { ensureAdminToken } from './admin-token.ts';
import { ensureAdminTokenSecret } from './admin-token-secret.ts';
import { ensureSiteCertificate } from './site-certificate.ts';
import { withStoredKeys } from './stored-keys.ts';

/** One step of birth: answers a line for each thing that it made. */
type Step = (config: Config) => Promise<readonly string[]>;

// tables: later steps read what earlier ones wrote
const first: readonly Step[] = [directories, kek, migrations];
const keys: readonly Step[] = [
  sealedKeys,
  meshRoot,
  meshIssuer,
  snapshotKey,
  natsKeys,
  siteCertificate,
  natsConf,
  adminToken,
];

/** `say` gets one line for each thing made; nothing when all was there. Needs PostgreSQL; throws when it does not answer. */
export async function init(config: Config, say: (line: string) => void): Promise<void> {
  const run = async (steps: readonly Step[]): Promise<void> => {
    for (const step of steps) for (const made of await step(config)) say(`made ${made}`);
  };
  await run(first);
  if (config.keys.in === 'database') await withStoredKeys(config, await kekOf(config), () => run(keys));
  else await run(keys);
}

async function directories({ dataDir, nats }: Config): Promise<readonly string[]> {
  const wanted = [...keyFiles(dataDir).directories, ...(nats.storeDir === undefined ? [] : [nats.storeDir])];
  const made: string[] = [];
  for (const path of wanted) if (await makePrivateDirectory(path)) made.push(`directory ${path}`);
  return made;
}

/** Where the database keeps the keys, what opens them comes from elsewhere: a new one would open nothing. */
async function kek(config: Config): Promise<readonly string[]> {
  const path = kekFileOf(config);
  if (config.keys.in === 'database') return [];
  return (await writeKekFile(path)) ? [`key-encryption key ${path}`] : [];
}

const kekOf = (config: Config): Promise<Kek> => readKekFile(kekFileOf(config));

/** An authority's key that lies in clear, as in a stack that an older version made, goes under the KEK. */
async function sealedKeys(config: Config): Promise<readonly string[]> {
  const key = await kekOf(config);
  const { meshRoot: root, meshIssuer: issuer, siteRoot } = keyFiles(config.dataDir);
  const made: string[] = [];
  for (const path of [root, issuer, siteRoot]) if (await sealAuthority(path, key)) made.push(`sealed key in ${path}`);
  return made;
}

async function meshRoot(config: Config): Promise<readonly string[]> {
  const { dataDir, federation } = config;
  const [files, key] = [keyFiles(dataDir), await kekOf(config)];
  const isNew = (await readIfThere(files.meshRoot)) === undefined;
  if (isNew) await writeAuthority(files.meshRoot, await makeRoot(`${federation} mesh root`, Date.now(), 1), key);
  const pem = certificatePem((await readAuthority(files.meshRoot, 'Mesh root', key)).certificate);
  if ((await readIfThere(files.meshCa)) !== pem) await writePrivately(files.meshCa, pem);
  return isNew ? [`mesh root ${files.meshRoot}`] : [];
}

async function meshIssuer(config: Config): Promise<readonly string[]> {
  const { dataDir, federation, nats } = config;
  const [{ meshIssuer: path }, key] = [keyFiles(dataDir), await kekOf(config)];
  const place = { dataDir, federation, kek: key, now: Date.now, clusterHost: nats.clusterHost };
  if ((await readIfThere(path)) !== undefined) {
    const { certificate } = await readAuthority(path, 'Mesh issuer', key);
    if (!isOld(certificate, Date.now()) && mayName(certificate, place)) return [];
  }
  await reissue(place);
  return [`mesh issuer ${path}`];
}

async function snapshotKey({ dataDir }: Config): Promise<readonly string[]> {
  const { snapshotKey: path } = keyFiles(dataDir);
  if ((await readIfThere(path)) !== undefined) return [];
  await writeSnapshotKey(path);
  return [`snapshot signing key ${path}`];
}

async function natsKeys({ dataDir }: Config): Promise<readonly string[]> {
  const { natsKeys: path } = keyFiles(dataDir);
  if ((await readIfThere(path)) !== undefined) return [];
  await writeNatsKeys(path);
  return [`NATS operator, accounts and signers ${path}`];
}

async function siteCertificate(config: Config): Promise<readonly string[]> {
  const { dataDir, siteCertificate: site } = config;
  if (!('hosts' in site)) return [];
  const files = dataFiles(dataDir);
  const made = await ensureSiteCertificate({ dataDir, kek: await kekOf(config) }, site.hosts, Date.now());
  return [
    ...(made.ca ? [`site CA ${files.siteCa}`] : []),
    ...(made.leaf ? [`site certificate ${files.siteCertificate} for ${site.hosts.join(', ')}`] : []),
  ];
}

/** Rendered anew each time, because the configuration may have changed; written only where the text differs. */
async function natsConf(config: Config): Promise<readonly string[]> {
  const { listen, monitor, storeDir } = config.nats;
  if (storeDir === undefined) return [];
  const { natsConf: path } = dataFiles(config.dataDir);
  const files = keyFiles(config.dataDir);
  const names = { serverName: 'portolan', writtenBy: 'init' };
  const places = { ...names, listen, monitor, storeDir, ...siteFiles(config), clientCaFile: files.meshCa };
  const text = renderNatsConf(places, await serverMaterial(await readNatsKeys(files.natsKeys), {}));
  if ((await readIfThere(path)) === text) return [];
  await writePrivately(path, text);
  return [`NATS configuration ${path}`];
}

async function migrations({ database }: Config): Promise<readonly string[]> {
  return (await migrate(database)).map((name) => `database migration ${name}`);
}

async function adminToken(config: Config): Promise<readonly string[]> {
  const { dataDir, database, kubernetes } = config;
  const { db, close } = openDatabase(database);
  try {
    const place = { db, kek: await kekOf(config), now: Date.now() };
    const made = await (kubernetes
      ? ensureAdminTokenSecret({ ...place, secrets: () => inClusterSecrets(config), name: kubernetes.adminTokenSecret })
      : ensureAdminToken({ ...place, file: dataFiles(dataDir).adminToken }));
    return made === undefined ? [] : [made];
  } finally {
    await close();
  }
}
