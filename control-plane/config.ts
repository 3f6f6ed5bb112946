/**
 * The configuration of the control plane: one strict YAML file, and the two environment variables that name the database.
 * The only file here that reads `process.env`. Invariant: what leaves it is checked, completed with defaults, and frozen.
 */
import { readFile } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { Name } from '@portolan/core';
import { parse } from 'yaml';
import { z } from 'zod';
import { CertificatesConfig } from './acme/config.ts';
import { dnsNameOf } from './acme/planes.ts';
import type { DatabaseAddress } from './db/index.ts';

const HOST_PORT = /^(?:\[[0-9a-fA-F:]+\]|[^\s/:[\]]+):(\d{1,5})$/;
const HostPort = z
  .string()
  .refine((text) => Number(HOST_PORT.exec(text)?.[1] ?? 65_536) <= 65_535, 'expected host:port, as 127.0.0.1:8443');
const LOOPBACK = /^(?:127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\]|localhost):/;
const LoopbackPort = HostPort.refine(
  (text) => LOOPBACK.test(text),
  'plain HTTP is for loopback only: expected 127.0.0.1:<port>, [::1]:<port> or localhost:<port>',
);
const Path = z.string().refine(isAbsolute, 'expected an absolute path');

const UNIT_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const DURATION = /^(\d{1,9})(s|m|h|d)$/;
/** `90s`, `15m`, `24h`, `30d`, or 0 → milliseconds. */
const Duration = z
  .union([z.literal(0), z.string().regex(DURATION)], 'expected a duration: 90s, 15m, 24h, 30d')
  .transform((text) => {
    const match = DURATION.exec(String(text));
    return match ? Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS] : 0;
  });
const DAY = UNIT_MS.d;

const SiteCertificate = z
  .union([
    z.strictObject({
      hosts: z.array(z.string().min(1)).min(1).describe('DNS names and IP addresses that the leaf names.'),
    }),
    z.strictObject({
      certFile: Path.describe('PEM, leaf first.'),
      keyFile: Path.describe('PEM, mode 0600.'),
      caFile: Path.describe('PEM bundle that others verify it with.'),
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

const Nats = z.strictObject({
  url: z
    .string()
    .regex(/^(nats|tls):\/\/[^\s/@]+$/, 'expected nats://host:port without user or password')
    .describe('Where the control plane dials NATS.'),
  listen: HostPort.default('0.0.0.0:4222').describe('Client listener that init writes into nats.conf.'),
  monitor: HostPort.default('127.0.0.1:8222').describe(
    'Monitoring listener that init writes into nats.conf; never public.',
  ),
  storeDir: Path.describe('JetStream store that init writes into nats.conf.'),
});

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
});

export type Config = z.output<typeof ControlPlane> & { readonly database: DatabaseAddress };

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
  return deepFreeze({ ...file.data.controlPlane, database });
}

/** Reads the file and the process's environment. */
export async function readConfig(path: string): Promise<Config> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new Error(`Configuration ${path} cannot be read: expected a YAML file with "controlPlane:".`, { cause });
  });
  return parseConfig(text, process.env, path);
}

function parseYaml(text: string, where: string): unknown {
  try {
    return parse(text);
  } catch (cause) {
    throw new Error(`Configuration ${where} is not YAML: ${(cause as Error).message}`, { cause });
  }
}

function complaints(error: z.ZodError | undefined, where: string): string[] {
  return flatten(error?.issues ?? []).map(([path, message]) => `  ${where}: ${path.join('.') || '(root)'}: ${message}`);
}

const GENERAL = 'Invalid input';

/** Of a union without words of its own the branch that fits best speaks; zod's own message says only "Invalid input". */
function flatten(issues: readonly z.core.$ZodIssue[]): (readonly [PropertyKey[], string])[] {
  return issues.flatMap((issue) => {
    if (issue.code !== 'invalid_union' || issue.message !== GENERAL) return [[issue.path, issue.message] as const];
    const [best = []] = issue.errors.toSorted((a, b) => a.length - b.length);
    return flatten(best).map(([path, message]) => [[...issue.path, ...path], message] as const);
  });
}

function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value)) if (typeof inner === 'object' && inner !== null) deepFreeze(inner);
  return Object.freeze(value);
}

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
