/**
 * Every secret that a stack of this machine makes, read from the only places where it may stand, and the search for them everywhere else.
 * A finding names the secret and never shows it. Invariant: a secret's home is excused by its path, so a copy beside it is found.
 */
import { createPrivateKey } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { hopKey, parseToken } from '@portolan/core';
import { type Kek, readKekFile } from '../../control-plane/keys/kek.ts';
import { readAuthority } from '../../control-plane/mesh-ca/authority.ts';
import { keyPem } from '../../control-plane/mesh-ca/x509.ts';
import { SealingKeys } from '../../gateway/adapters/handles/sealing-keys.ts';
import { keepKeys } from '../../gateway/adapters/identity/keys.ts';
import { systemClock } from '../../gateway/adapters/system-clock.ts';

export interface Secret {
  /** Where it lives, and what it is there. */
  readonly name: string;
  /** Texts (latin1) by which it is recognised. */
  readonly spellings: readonly string[];
}

/** Where secrets live, relative to the stack's folder. `home/plugins` is the provider's and the engine's own code. */
const HOMES =
  /^(tokens\/|local\.json$|passphrase$|postgres\/pgpass$|control-plane\/|gateways\/[^/]+\/(identity\/|sealing-keys\.json$)|home\/plugins\/)/;

/** All secrets of the stack in `folder`. Throws where one of them is not where it is made. */
export async function secretsOf(folder: string): Promise<Secret[]> {
  const found = await Promise.all([tokens(folder), passwords(folder), controlPlaneKeys(folder), gatewayKeys(folder)]);
  const secrets = found.flat();
  const short = secrets.flatMap(({ name, spellings }) => (spellings.every((one) => one.length >= 16) ? [] : [name]));
  if (short.length > 0) throw new Error(`not a secret that can be searched for: ${short.join(', ')}`);
  return secrets;
}

/** Names of the secrets that stand in `text` (latin1). */
export const guilty = (secrets: readonly Secret[], text: string): string[] =>
  secrets.filter(({ spellings }) => spellings.some((one) => text.includes(one))).map(({ name }) => name);

export interface Search {
  readonly looked: readonly string[];
  /** `<file>: <secret>`. */
  readonly found: readonly string[];
}

/** Looks into every file of the stack that is not a home of secrets: state, logs, configuration, run files, spools, snapshots, database, streams. */
export async function searchFiles(folder: string, secrets: readonly Secret[]): Promise<Search> {
  const looked: string[] = [];
  const found: string[] = [];
  for (const name of await filesOf(folder)) {
    if (HOMES.test(name)) continue;
    const text = await readFile(join(folder, name), 'latin1').catch(gone);
    if (text === undefined) continue;
    looked.push(name);
    found.push(...guilty(secrets, text).map((secret) => `${name}: ${secret}`));
  }
  return { looked, found };
}

/** Every file below `folder`, relative; what ended meanwhile (a lock, a temporary table) is left out. */
export async function filesOf(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true });
  const infos = await Promise.all(names.map((name) => stat(join(folder, name)).catch(gone)));
  return names.filter((_, at) => infos[at]?.isFile());
}

function gone(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}

async function tokens(folder: string): Promise<Secret[]> {
  const names = (await readdir(join(folder, 'tokens'))).map((name) => `tokens/${name}`);
  return Promise.all(
    [...names, 'control-plane/admin-token'].map(async (name) => {
      const text = (await readFile(join(folder, name), 'utf8')).trim().split(' ').at(-1) ?? '';
      const token = parseToken(text);
      if (!token) throw new Error(`${name} holds no token`);
      return { name, spellings: [text, token.secret, ...bytes(hopKey(token.secret))] };
    }),
  );
}

async function passwords(folder: string): Promise<Secret[]> {
  const passphrase = (await readFile(join(folder, 'passphrase'), 'utf8')).trim();
  const lines = (await readFile(join(folder, 'postgres/pgpass'), 'utf8')).trim().split('\n');
  return [
    { name: 'passphrase', spellings: [passphrase] },
    { name: 'postgres/pgpass', spellings: [...new Set(lines.map((line) => line.split(':').at(-1) ?? ''))] },
  ];
}

async function controlPlaneKeys(folder: string): Promise<Secret[]> {
  const read = (name: string) => readFile(join(folder, 'control-plane', name));
  const authorities = ['mesh/root.pem', 'mesh/issuer.pem', 'site/ca.pem'];
  const kek = await readKekFile(join(folder, 'control-plane', 'kek'));
  const nats = JSON.parse((await read('nats/keys.json')).toString()) as Record<string, string>;
  const seeds = Object.entries(nats).filter(([, value]) => /^S[A-Z2-7]{57}$/.test(value));
  const { d = '' } = JSON.parse((await read('snapshot/signing.jwk')).toString()) as { d?: string };
  return [
    ...(await Promise.all(authorities.map((name) => authorityKey(folder, `control-plane/${name}`, kek)))),
    pemSecret('control-plane/site/tls.key', (await read('site/tls.key')).toString()),
    ...seeds.map(([name, seed]) => ({ name: `control-plane/nats/keys.json ${name}`, spellings: [seed] })),
    storeKey(nats.storeKey, (await read('nats.conf')).toString()),
    { name: 'control-plane/snapshot/signing.jwk', spellings: bytes(Buffer.from(d, 'base64url')) },
    { name: 'control-plane/kek', spellings: bytes(await read('kek')) },
  ];
}

async function authorityKey(folder: string, name: string, kek: Kek): Promise<Secret> {
  const { key } = await readAuthority(join(folder, name), name, kek);
  return pemSecret(name, await keyPem(key));
}

/** The key of JetStream's store: 64 hex digits, in the configuration of NATS as well. */
function storeKey(key = '', configuration = ''): Secret {
  if (!configuration.includes(key)) throw new Error('nats.conf has another JetStream key than nats/keys.json');
  return { name: 'control-plane/nats/keys.json storeKey', spellings: bytes(Buffer.from(key, 'hex')) };
}

async function gatewayKeys(folder: string): Promise<Secret[]> {
  const names = await readdir(join(folder, 'gateways'));
  const all = names.map(async (gateway) => {
    const home = join(folder, 'gateways', gateway);
    const { meshKey, sealKey, nkeySeed, replica } = await keepKeys(join(home, 'identity'));
    const log = { info() {}, warn() {}, error() {} };
    const sealing = new SealingKeys({ folder: home, replica, sealKey, clock: systemClock, log });
    await sealing.restore();
    const sealPem = sealKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    return [
      pemSecret(`gateways/${gateway}/identity/mesh.key`, meshKey),
      pemSecret(`gateways/${gateway}/identity/seal.key`, sealPem),
      { name: `gateways/${gateway}/identity/nkey.seed`, spellings: [Buffer.from(nkeySeed).toString('latin1')] },
      { name: `gateways/${gateway}/sealing-keys.json`, spellings: bytes(sealing.newest()?.secret ?? Buffer.of()) },
    ];
  });
  return (await Promise.all(all)).flat();
}

/** The private key of a PEM file: its scalar, and those of its lines that hold more of it than of the public key. */
function pemSecret(name: string, text: string): Secret {
  const pem = /-----BEGIN [A-Z ]*PRIVATE KEY-----\n([\s\S]+?)\n-----END [A-Z ]*PRIVATE KEY-----/.exec(text);
  if (!pem?.[1]) throw new Error(`${name} holds no private key`);
  const { d = '' } = createPrivateKey(pem[0]).export({ format: 'jwk' });
  return { name, spellings: [...pem[1].split('\n').slice(0, 2), ...bytes(Buffer.from(d, 'base64url'))] };
}

/** Bytes as they are, and as programs print them. */
const bytes = (value: Buffer): string[] => [
  value.toString('latin1'),
  value.toString('hex'),
  value.toString('hex').toUpperCase(),
  value.toString('base64').replace(/=+$/, ''),
  value.toString('base64url'),
];
