/** Names, ports and paths that manifests, rules and configuration share. */

import { ports as known, type Part, partLabels } from '../../flows/index.ts';

export type { Part } from '../../flows/index.ts';

export const namespaceOf = (prefix: string, plane: string): string => `${prefix}-${plane}`;

/** Selector of a part's pods: the one by which rules find them. */
export const selectorOf = partLabels;

export const labelsOf = (part: Part, plane: string, own: Readonly<Record<string, string>> = {}) => ({
  ...own,
  ...selectorOf(part, plane),
  'app.kubernetes.io/part-of': 'portolan',
  'app.kubernetes.io/managed-by': 'pulumi',
});

/** On the pods that stand behind a plane's public address: control plane and NATS have one together. */
export const doorLabel = (plane: string) => ({ 'portolan.dev/door': plane });

/** Ports of pods by the name that they have there: those that rules open. */
export const ports = {
  tls: known.tls,
  health: known.health,
  metrics: known.metrics,
  nats: known.nats,
  cluster: known.natsCluster,
  monitor: known.natsMonitor,
  postgres: known.postgres,
} as const;

/** Of every pod of ours: nobody's on the node. */
export const uid = 65_532;

export const paths = {
  config: '/etc/portolan/config',
  configFile: '/etc/portolan/config/config.yaml',
  tls: '/etc/portolan/tls',
  certFile: '/etc/portolan/tls/tls.crt',
  keyFile: '/etc/portolan/tls/tls.key',
  authorities: '/etc/portolan/ca',
  caFile: '/etc/portolan/ca/ca.crt',
  tsig: '/etc/portolan/tsig',
  externalAccount: '/etc/portolan/external-account',
  directoryAuthorities: '/etc/portolan/acme-ca',
  kek: '/etc/portolan/kek',
  kekFile: '/etc/portolan/kek/kek',
  database: '/etc/portolan/database',
  passFile: '/etc/portolan/database/pgpass',
  token: '/var/run/secrets/portolan',
  tokenFile: '/var/run/secrets/portolan/token',
  data: '/var/lib/portolan',
  natsStore: '/var/lib/nats',
  natsRun: '/var/run/nats',
} as const;

/** A program's own folder in a volume: the volume itself is the kubelet's, with a mode that is not ours to change. */
export const own = (volume: string): string => `${volume}/own`;

/** Secrets of a control plane's namespace; its birth makes them. */
export const secrets = { kek: 'kek', database: 'database', adminToken: 'admin-token' } as const;
