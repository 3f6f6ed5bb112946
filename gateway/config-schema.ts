/**
 * Every option of a gateway, with its sentence, default and unit; `--help` and the documentation are made from it.
 * Values that are right alone but wrong together are refused at the end of the schema. Reading the file is config.ts's.
 */
import { join } from 'node:path';
import { HostName, ReachRange, WebOrigin } from '@portolan/core';
import { z } from 'zod';
import { type Address, addressText, isLoopback, parseAddress } from './listen-address.ts';

const LISTEN = 'expected host:port, for example 127.0.0.1:8443 or [::1]:8443';

const ListenAddress = z.string().transform((text, context): Address => {
  const address = parseAddress(text);
  if (address) return address;
  context.issues.push({ code: 'custom', message: LISTEN, input: text });
  return z.NEVER;
});

const LoopbackAddress = ListenAddress.superRefine((address, context) => {
  if (isLoopback(address.host)) return;
  const message = `expected a loopback address (127.0.0.0/8, ::1 or localhost), got ${addressText(address)}: this door has no TLS. Use 127.0.0.1:${address.port}, or remove the key`;
  context.addIssue({ code: 'custom', message });
});

const isOrigin = (text: string, schemes: readonly string[]): boolean => {
  const url = URL.parse(text);
  if (url === null || !schemes.includes(url.protocol)) return false;
  return url.username === '' && url.password === '' && `${url.protocol}//${url.host}` === text.toLowerCase();
};
const HttpsOrigin = z
  .string()
  .refine(
    (text) => isOrigin(text, ['https:']),
    'expected https://host or https://host:port, without path, trailing slash, default port or password',
  );
const NatsUrl = z
  .string()
  .refine(
    (text) => isOrigin(text, ['nats:', 'tls:']),
    'expected nats://host:port, without path or password (the identity of the gateway is its credential)',
  );
const FilePath = z.string().min(1);

const Listen = z.strictObject({
  tls: ListenAddress.prefault('0.0.0.0:8443').describe(
    'host:port of the TLS listener: calls by the public name, peers by the mesh name.',
  ),
  insecureLoopback: LoopbackAddress.optional().describe(
    'host:port of a plain HTTP door for calls on this machine; refused for any address but loopback. Default: none.',
  ),
  health: ListenAddress.prefault('0.0.0.0:8081').describe('host:port of GET /livez and /readyz, plain HTTP.'),
  metrics: ListenAddress.prefault('0.0.0.0:9090').describe('host:port of GET /metrics, plain HTTP.'),
});

const ControlPlane = z.strictObject({
  url: HttpsOrigin.describe(
    'Public URL of the control plane: enrolment, renewal, and the snapshot while NATS is away.',
  ),
  natsUrl: z
    .union([NatsUrl, z.array(NatsUrl).min(1)])
    .transform((urls): readonly string[] => [urls].flat())
    .describe('URL of NATS, or a list with one a server.'),
  caFile: FilePath.optional().describe(
    'PEM file of the authorities that sign the public certificates of the control plane and NATS. Default: those of the system.',
  ),
});

const CertificateFiles = z.strictObject({
  certFile: FilePath.default('/etc/portolan/tls/tls.crt').describe('PEM chain of the public name, leaf first.'),
  keyFile: FilePath.default('/etc/portolan/tls/tls.key').describe('PEM private key of the public name.'),
});

const Certificate = z
  .union([z.literal('acme'), CertificateFiles], 'expected acme, or certFile and keyFile')
  .describe(
    'Certificate of the public name: its two files, or `acme`: the control plane orders it and delivers it in the snapshot, as the registry entry of this gateway must say, too.',
  );

const Audit = z.strictObject({
  onFull: z
    .enum(['refuse', 'drop-oldest'])
    .default('refuse')
    .describe(
      'What a full spool does: refuse authenticated calls (503 audit_unavailable), or drop the oldest records, which are counted.',
    ),
  maxBytes: z
    .int()
    .min(1 << 20)
    .max(2 ** 36)
    .default(256 * 2 ** 20)
    .describe('Bound of the audit spool on disk, in bytes.'),
});

const Limits = z.strictObject({
  connectTimeoutMs: z
    .int()
    .min(50)
    .max(30_000)
    .default(2000)
    .describe('Wait for TCP and TLS to a peer or an MCP server, in milliseconds; then 502.'),
  callTimeoutMs: z
    .int()
    .min(1000)
    .max(86_400_000)
    .default(3_600_000)
    .describe(
      'Longest whole call, from its arrival at the entry gateway on, in milliseconds; then 504. For MCP servers that are registered without deadlines of their own; see deadlines.md.',
    ),
  idleTimeoutMs: z
    .int()
    .min(100)
    .max(86_400_000)
    .default(600_000)
    .describe(
      'Longest wait for the first byte of an answer, and between two bytes of it, in milliseconds; then 504. For MCP servers that are registered without deadlines of their own; see deadlines.md.',
    ),
  maxBodyBytes: z
    .int()
    .min(1024)
    .max(64 * 2 ** 20)
    .default(4 * 2 ** 20)
    .describe('Longest request body, in bytes; then 413.'),
  maxHeldAnswerBytes: z
    .int()
    .min(1024)
    .max(256 * 2 ** 20)
    .default(16 * 2 ** 20)
    .describe(
      'Longest list, refusal or event of a stream of an MCP server, each held in memory whole, in bytes; others are streamed.',
    ),
  maxConcurrentRequests: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(20_000)
    .describe('Requests under way at once, half of them of one user or virtual account at most; then 503.'),
  drainDelayMs: z
    .int()
    .min(0)
    .max(120_000)
    .default(5_000)
    .describe(
      'How long new connections are still taken after SIGTERM, while /readyz says 503 already, in milliseconds: as long as the load balancer takes to notice.',
    ),
  drainTimeoutMs: z
    .int()
    .min(0)
    .max(600_000)
    .default(30_000)
    .describe('How long open calls may go on after that, in milliseconds.'),
});

const Settings = z.strictObject({
  url: HttpsOrigin.describe('Public URL of this gateway. Compared with the proxyUrl of MCP servers, never dialled.'),
  controlPlane: ControlPlane,
  listen: Listen.prefault({}),
  certificate: Certificate.prefault({}),
  dataDir: FilePath.default('/var/lib/portolan').describe(
    'Folder for the identity, the last good snapshot and the audit spool; made with mode 0700.',
  ),
  enrolmentFile: FilePath.optional().describe(
    'File with the answer to POST /api/v1/gateways/{name}/enrolments; deleted after use. Default: enrolment.json in dataDir.',
  ),
  serviceAccountTokenFile: FilePath.optional().describe(
    "Projected Kubernetes service-account token of this pod (audience: that of the gateway's workloadIdentity), with which it enrols in place of enrolmentFile; read anew at each try, because kubelet replaces it. Default: none.",
  ),
  upstreamCidrs: z
    .array(ReachRange)
    .max(1000)
    .default([])
    .describe(
      'Networks in which this gateway may dial MCP servers; with ports, where anything else listens there too. Default: none, so that it only forwards to peers.',
    ),
  allowedOrigins: z
    .array(WebOrigin)
    .max(100)
    .default([])
    .describe(
      'Origins of web pages that may call, beside url, as browsers send them (https://app.example.com); no wildcards. Default: none. Clients that are no browser send no Origin.',
    ),
  allowedHosts: z
    .array(HostName)
    .max(100)
    .default([])
    .describe(
      'Host names under which callers reach this gateway beside that of url, without port. Default: none. On the insecureLoopback door this machine is always among them.',
    ),
  audit: Audit.prefault({}),
  limits: Limits.prefault({}),
  logLevel: z.enum(['debug', 'info', 'warn', 'error']).default('info').describe('Least level that is logged.'),
});

/** The whole file. Output: addresses parsed, defaults filled in, `enrolmentFile` always there. */
export const ConfigFile = z
  .strictObject({ gateway: Settings })
  .superRefine(({ gateway: { listen, url, controlPlane, enrolmentFile, serviceAccountTokenFile } }, context) => {
    const refuse = (path: string[], message: string): void => {
      context.addIssue({ code: 'custom', path: ['gateway', ...path], message });
    };
    for (const [first, second] of clashes(listen))
      refuse(['listen', second], `is the same address as gateway.listen.${first}: give each listener its own port`);
    if (url === controlPlane.url)
      refuse(['url'], 'is the URL of the control plane: give the gateway the URL under which callers reach it');
    if (enrolmentFile !== undefined && serviceAccountTokenFile !== undefined)
      refuse(
        ['serviceAccountTokenFile'],
        'stands beside enrolmentFile: a gateway enrols in one way; remove one of them',
      );
  })
  .transform(({ gateway }) => ({
    ...gateway,
    enrolmentFile: gateway.enrolmentFile ?? join(gateway.dataDir, 'enrolment.json'),
  }));

/** The configuration of one gateway process, deep-frozen by config.ts. */
export type Config = z.output<typeof ConfigFile>;

/** Pairs of listener names that would bind the same port of the same address. */
function clashes(listen: z.output<typeof Listen>): [string, string][] {
  const named = Object.entries(listen).filter((entry): entry is [string, Address] => entry[1] !== undefined);
  return named.flatMap(([name, address], at) =>
    named
      .slice(at + 1)
      .filter(([, other]) => other.port !== 0 && addressText(other) === addressText(address))
      .map(([other]): [string, string] => [name, other]),
  );
}
