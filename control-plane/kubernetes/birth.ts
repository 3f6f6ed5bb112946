/**
 * The Secrets that must exist before the database and `init` (`control-plane birth --config <file>`): the key-encryption key, and where the
 * configuration says so the database's password. Invariant: a Secret that is there stays as it is; the API client could not change it.
 */
import { randomBytes } from 'node:crypto';
import type { Config } from '../config.ts';
import { inClusterSecrets } from './in-cluster.ts';
import type { NewSecret, Secrets } from './secrets.ts';

const KEK_BYTES = 32;

/** A Secret as it must be. */
interface Wanted {
  readonly name: string;
  /** Throws nothing; answers what is wrong with one that is there. */
  readonly wrong: (data: ReadonlyMap<string, Buffer>) => string | undefined;
  readonly make: () => NewSecret;
}

/** `say` gets one line for each Secret made; nothing when all were there. */
export async function birth(
  config: Pick<Config, 'kubernetes' | 'apiServer'>,
  say: (line: string) => void,
  secretsOf: typeof inClusterSecrets = inClusterSecrets,
): Promise<void> {
  const { kubernetes } = config;
  if (!kubernetes)
    throw new Error('birth: the configuration has no section "kubernetes:" that names the Secrets to make.');
  const secrets = await secretsOf(config);
  const wanted = [kekSecret(kubernetes.kekSecret)];
  if (kubernetes.databaseSecret) wanted.push(databaseSecret(kubernetes.databaseSecret));
  for (const one of wanted)
    if (await ensure(secrets, one)) say(`made Secret ${one.name} in namespace ${secrets.namespace}`);
}

/** Another birth may make it between our two calls; then it holds. */
async function ensure(secrets: Secrets, { name, wrong, make }: Wanted): Promise<boolean> {
  let there = await secrets.read(name);
  if (there === undefined && (await secrets.create(name, make()))) return true;
  there ??= await secrets.read(name);
  const complaint = wrong(there ?? new Map());
  if (complaint !== undefined)
    throw new Error(`Secret "${name}" in namespace "${secrets.namespace}" ${complaint} It was left as it is.`);
  return false;
}

const kekSecret = (name: string): Wanted => ({
  name,
  wrong: (data) =>
    data.get('kek')?.length === KEK_BYTES
      ? undefined
      : `exists, but its key "kek" does not hold ${KEK_BYTES} bytes: put the key-encryption key there; only where nothing was sealed by it yet, delete the Secret and run birth again.`,
  make: () => ({ data: { kek: randomBytes(KEK_BYTES) }, immutable: true }),
});

type DatabaseSecret = NonNullable<NonNullable<Config['kubernetes']>['databaseSecret']>;

const databaseSecret = ({ name, host, port, user, database }: DatabaseSecret): Wanted => ({
  name,
  wrong: (data) =>
    data.get('password')?.length && data.get('pgpass')?.length
      ? undefined
      : 'exists, but lacks key "password" or "pgpass": add what is missing (pgpass: host:port:database:user:password); only where the database was never started with it, delete the Secret and run birth again.',
  make: () => {
    const password = randomBytes(32).toString('base64url');
    const line = [host, String(port), database, user, password].map(escapeField).join(':');
    return { data: { password: Buffer.from(password), pgpass: Buffer.from(`${line}\n`) } };
  },
});

/** PostgreSQL documentation, "The Password File". */
const escapeField = (text: string): string => text.replace(/[\\:]/g, '\\$&');
