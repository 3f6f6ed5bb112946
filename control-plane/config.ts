/**
 * The configuration of the control plane: one strict YAML file, and what the environment says of the database and of the cluster.
 * The only file here that reads `process.env`. Invariant: what leaves it is checked, completed with defaults, and frozen.
 */
import { join } from 'node:path';
import { Name, WorkloadIdentity } from '@portolan/core';
import { z } from 'zod';
import { CertificatesConfig } from './acme/config.ts';
import { dnsNameOf } from './acme/planes.ts';
import {
  complaints,
  DAY,
  Duration,
  deepFreeze,
  HostName,
  HostPort,
  LoopbackPort,
  Path,
  parseYaml,
  readConfigFile,
} from './config-fields.ts';
import type { DatabaseAddress } from './db/index.ts';

const SiteCertificate = z
  .union([
    z.strictObject({
      hosts: z.array(z.string().min(1)).min(1).describe('DNS names and IP addresses that the leaf names.'),
    }),
    z.strictObject({
      certFile: Path.describe('PEM, leaf first.'),
      keyFile: Path.describe('PEM, mode 0600.'),
      caFile: Path.optional().describe("PEM bundle that others verify it with. Default: the system's authorities."),
    }),
    z.strictObject({
      acme: z.literal(true).describe('The certificate is ordered as `certificates` says, for the host of `url`.'),
      caFile: Path.optional().describe("PEM bundle that others verify it with. Default: the system's authorities."),
    }),
  ])
  .describe(
    'Public name of API, enrolment and NATS. `hosts`: init makes a CA and a leaf in <dataDir>/site; or the files of your own; or `acme`.',
  );

const Listen = z.strictObject({
  tls: HostPort.default('0.0.0.0:8443').describe('Public name and mesh name on one port, told apart by SNI.'),
  insecureLoopback: LoopbackPort.optional().describe(
    'Plain HTTP door of the API; loopback addresses only. Default: none.',
  ),
  health: HostPort.default('0.0.0.0:8081').describe('GET /livez, /readyz.'),
  metrics: HostPort.default('0.0.0.0:9090').describe("GET /metrics: the federation's sums."),
});

const NatsUrl = z.string().regex(/^(nats|tls):\/\/[^\s/@]+$/, 'expected nats://host:port without user or password');

const Nats = z
  .strictObject({
    url: z
      .union([NatsUrl, z.array(NatsUrl).min(1)])
      .transform((urls): readonly string[] => [urls].flat())
      .describe('Where the control plane dials NATS: one URL, or a list with one a server.'),
    tlsName: HostName.optional().describe(
      "Name that the servers' certificate carries, where url names them otherwise, as a Service inside the cluster. Default: the host of url.",
    ),
    servers: z
      .union([z.literal(1), z.literal(3)], 'expected 1 or 3')
      .default(1)
      .describe('How many servers there are: the streams have as many replicas. Default 1.'),
    listen: HostPort.default('0.0.0.0:4222').describe('Client listener that init writes into nats.conf.'),
    monitor: HostPort.default('127.0.0.1:8222').describe(
      'Monitoring listener that init writes into nats.conf; never public.',
    ),
    storeDir: Path.optional().describe(
      'JetStream store that init writes into nats.conf. Not with workloadIdentity: then each server has an agent that writes it.',
    ),
    workloadIdentity: WorkloadIdentity.optional().describe(
      'Whose pods are NATS servers: their agents get the keys of NATS by service-account token. Default: nobody does.',
    ),
    clusterHost: HostName.optional().describe(
      'Headless Service of the servers. Their mesh certificates carry it and <pod>.<it>, by which servers know each other. With workloadIdentity.',
    ),
  })
  .refine(({ storeDir, workloadIdentity }) => (storeDir === undefined) !== (workloadIdentity === undefined), {
    path: ['storeDir'],
    error: 'expected either storeDir, where init writes nats.conf, or workloadIdentity, where agents do',
  })
  .refine(({ clusterHost, workloadIdentity }) => (clusterHost === undefined) === (workloadIdentity === undefined), {
    path: ['clusterHost'],
    error: 'expected together with workloadIdentity, and not without it',
  });

const Keys = z
  .discriminatedUnion(
    'in',
    [
      z.strictObject({ in: z.literal('files').describe('In dataDir, which must last; the KEK too.') }),
      z.strictObject({
        in: z
          .literal('database')
          .describe('In PostgreSQL, sealed; each init writes them into dataDir, which need not last.'),
        kekFile: Path.describe('The key-encryption key: 32 bytes, made by `birth` or by you. Lost, all keys are lost.'),
      }),
    ],
    'expected in: files, or in: database with kekFile',
  )
  .default({ in: 'files' })
  .describe('Where the keys that init makes are kept. Default: { in: files }.');

const SecretName = z
  .string()
  .max(253)
  .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, 'expected the name of a Secret');

const Kubernetes = z
  .strictObject({
    kekSecret: SecretName.describe('`birth` makes it where it is not there: key `kek`, 32 random bytes.'),
    databaseSecret: z
      .strictObject({
        name: SecretName,
        host: HostName,
        port: z.int().min(1).max(65_535).default(5432),
        user: z.string().min(1).max(63),
        database: z.string().min(1).max(63),
      })
      .optional()
      .describe(
        '`birth` makes it where it is not there: keys `password` and `pgpass`, a line of libpq for this host, port, database and user. Default: none, the password is yours.',
      ),
    adminTokenSecret: SecretName.describe(
      '`init` makes it with the first admin token, key `token`, in place of a file. Delete it once you have the token.',
    ),
  })
  .describe('Secrets that the jobs of birth make, in the namespace of their pod. Default: none.');

/** The `controlPlane:` section. Durations are `90s`, `15m`, `24h`, `30d`; they arrive as milliseconds. */
export const ControlPlane = z
  .strictObject({
    federation: Name.describe('Name of the federation: trust domain of its SPIFFE IDs.'),
    url: z
      .url({ protocol: /^https$/ })
      .refine((text) => !text.endsWith('/'), 'expected an https URL without a trailing slash')
      .describe('Public URL: API and enrolment.'),
    meshDial: HostPort.optional().describe(
      'host:port where gateways dial the mesh name `control`. Default: host and port of url.',
    ),
    dataDir: Path.describe('Keys, nats.conf, site certificate, admin token; directories 0700, files 0600.'),
    listen: Listen.prefault({}),
    siteCertificate: SiteCertificate,
    certificates: CertificatesConfig.optional().describe(
      'Public certificates by ACME (docs/certificates.md), for planes that say `acme`. Default: none are ordered.',
    ),
    nats: Nats,
    keys: Keys,
    kubernetes: Kubernetes.optional(),
    maxStaleness: Duration.default(DAY).describe(
      'Gateways refuse to serve with a snapshot older than this. Default 24h.',
    ),
    certificateLife: Duration.default(DAY)
      .refine((ms) => ms > 0 && ms <= 7 * DAY, 'expected more than 0 and at most 7d')
      .describe('Life of a mesh certificate; renewed at two thirds. Default 24h, at most 7d.'),
    renewGrace: Duration.default(0).describe(
      'How long after its expiry a certificate of an active gateway still renews. Default 0.',
    ),
    auditRetention: Duration.default(400 * DAY)
      .refine((ms) => ms >= DAY && ms <= 36_500 * DAY, 'expected at least 1d and at most 36500d')
      .describe(
        'How long audit records are kept, counted from their arrival here; then they are deleted. Default 400d.',
      ),
  })
  .superRefine(({ siteCertificate, certificates, url }, context) => {
    if (!('acme' in siteCertificate)) return;
    const refuse = (path: string, message: string): void => context.addIssue({ code: 'custom', path: [path], message });
    if (certificates === undefined)
      refuse('certificates', 'is missing: siteCertificate.acme needs it to know where certificates are ordered');
    if (dnsNameOf(url) === undefined)
      refuse('url', 'expected a DNS name of at least two labels: ACME gives no certificate for any other host');
  })
  .transform((config) => ({ ...config, meshDial: config.meshDial ?? hostPort(new URL(config.url)) }));

const NO_PASSWORD = 'must hold no password: put it in a file of mode 0600 and name that in PGPASSFILE';
const File = z.strictObject({ controlPlane: ControlPlane });

/** Where PostgreSQL is, and the file with its password. */
const Environment = z.object({
  DATABASE_URL: z
    .string({ error: 'expected the URL of PostgreSQL: postgres://user@host:port/database' })
    .superRefine(checkDatabaseUrl),
  PGPASSFILE: Path.optional(),
  PGPASSWORD: z
    .undefined({ error: 'must not be set: put the password in a file of mode 0600 and name it in PGPASSFILE' })
    .optional(),
  KUBERNETES_SERVICE_HOST: z.string().optional(),
  KUBERNETES_SERVICE_PORT: z.coerce.number().pipe(z.int().min(1).max(65_535)).optional(),
});

export type Config = z.output<typeof ControlPlane> & {
  readonly database: DatabaseAddress;
  /** In a pod: where the API of its cluster is. */
  readonly apiServer?: { readonly host: string; readonly port: number } | undefined;
};

function hostPort(url: URL): string {
  return `${url.hostname}:${url.port || '443'}`;
}

function checkDatabaseUrl(text: string, context: z.RefinementCtx): void {
  const url = URL.parse(text);
  if (!url || !['postgres:', 'postgresql:'].includes(url.protocol))
    context.addIssue({ code: 'custom', message: 'expected postgres://user@host:port/database' });
  if (url && (url.password !== '' || url.searchParams.has('password')))
    context.addIssue({ code: 'custom', message: NO_PASSWORD });
}

/** Pure: text of the file and environment → configuration. Throws one error that lists everything wrong; never a value. */
export function parseConfig(
  text: string,
  environment: Readonly<Record<string, string | undefined>>,
  where: string,
): Config {
  const file = File.safeParse(parseYaml(text, where));
  const env = Environment.safeParse(environment);
  const wrong = [...complaints(file.error, where), ...complaints(env.error, 'environment')];
  if (!file.success || !env.success) throw new Error(`Configuration is not valid:\n${wrong.join('\n')}`);
  const database = { url: env.data.DATABASE_URL, passFile: env.data.PGPASSFILE };
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = 443 } = env.data;
  return deepFreeze({ ...file.data.controlPlane, database, ...(host ? { apiServer: { host, port } } : {}) });
}

/** Reads the file and the process's environment. */
export async function readConfig(path: string): Promise<Config> {
  return parseConfig(await readConfigFile(path, 'controlPlane'), process.env, path);
}

/** Where the key-encryption key lies. */
export const kekFileOf = ({ keys, dataDir }: Pick<Config, 'keys' | 'dataDir'>): string =>
  keys.in === 'database' ? keys.kekFile : dataFiles(dataDir).kek;

/** Files inside `dataDir` that more than one module names. */
export const dataFiles = (dataDir: string) =>
  ({
    kek: join(dataDir, 'kek'),
    adminToken: join(dataDir, 'admin-token'),
    siteCa: join(dataDir, 'site', 'ca.crt'),
    siteCertificate: join(dataDir, 'site', 'tls.crt'),
    siteKey: join(dataDir, 'site', 'tls.key'),
    natsConf: join(dataDir, 'nats.conf'),
  }) as const;

/** The site's certificate: our own files, the ones that `init` made, or where an ordered one is laid down. No `caFile`: the system's authorities. */
export function siteFiles(config: Pick<Config, 'siteCertificate' | 'dataDir'>): {
  readonly certFile: string;
  readonly keyFile: string;
  readonly caFile?: string | undefined;
} {
  const own = config.siteCertificate;
  if ('certFile' in own) return own;
  const made = dataFiles(config.dataDir);
  const caFile = 'acme' in own ? own.caFile : made.siteCa;
  return { certFile: made.siteCertificate, keyFile: made.siteKey, caFile };
}
