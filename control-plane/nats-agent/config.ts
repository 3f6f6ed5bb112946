/**
 * The configuration of the agent beside a NATS server: one strict YAML file, no environment. The same file for init container and sidecar.
 * Invariant: what leaves it is checked, completed with defaults, and frozen.
 */
import { z } from 'zod';
import { complaints, deepFreeze, HostName, HostPort, Path, parseYaml, readConfigFile } from '../config-fields.ts';

/** The `natsAgent:` section. */
export const NatsAgent = z.strictObject({
  controlPlane: z.strictObject({
    url: z
      .url({ protocol: /^https$/ })
      .refine((text) => !text.endsWith('/'), 'expected an https URL without a trailing slash')
      .describe('Where the control plane is reached from here.'),
    tlsName: HostName.optional().describe(
      'Name that its public certificate carries, where url names it otherwise, as a Service inside the cluster. Default: the host of url.',
    ),
    caFile: Path.optional().describe(
      'PEM file of the authorities that sign its public certificate. Default: those of the system.',
    ),
  }),
  serviceAccountTokenFile: Path.default('/var/run/secrets/portolan/token').describe(
    "The pod's projected token for the control plane; read at each enrolment.",
  ),
  dir: Path.describe(
    'Where nats.conf, certificate and keys are written, mode 0600, and nats-server its process id: in memory, shared with nats-server (`-c <dir>/nats.conf`).',
  ),
  storeDir: Path.describe('Where nats-server keeps its streams, encrypted, and its accounts: must last.'),
  certificate: z
    .union([
      z.strictObject({
        certFile: Path.default('/etc/portolan/tls/tls.crt').describe('PEM chain of the public name, leaf first.'),
        keyFile: Path.default('/etc/portolan/tls/tls.key').describe('PEM private key of the public name.'),
      }),
      z.literal('acme').describe('The one that the control plane orders for itself; it is written to `dir`.'),
    ])
    .prefault({})
    .describe('Of the public name: files, or `acme`. Default: files.'),
  listen: z
    .strictObject({
      clients: HostPort.default('0.0.0.0:4222').describe('host:port for gateways and the control plane.'),
      cluster: HostPort.default('0.0.0.0:6222').describe('host:port for the other servers.'),
      monitor: HostPort.default('0.0.0.0:8222').describe('host:port of /healthz and /varz, plain HTTP; never public.'),
    })
    .prefault({}),
  routes: z
    .array(HostPort)
    .default([])
    .describe(
      'host:port of every server of the cluster, this one too, by names below clusterHost of the control plane. Default: none, a server alone.',
    ),
});

export type NatsAgentConfig = z.output<typeof NatsAgent>;

/** Throws one error that lists everything wrong. */
export async function readNatsAgentConfig(path: string): Promise<NatsAgentConfig> {
  const read = z
    .strictObject({ natsAgent: NatsAgent })
    .safeParse(parseYaml(await readConfigFile(path, 'natsAgent'), path));
  if (!read.success) throw new Error(`Configuration is not valid:\n${complaints(read.error, path).join('\n')}`);
  return deepFreeze(read.data.natsAgent);
}
