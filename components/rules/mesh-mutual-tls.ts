/**
 * Whatever the mesh listens on asks for a certificate, and nothing in front of it ends TLS on its behalf: a door without is a
 * door for everyone in the network. Judged are the configurations that a ConfigMap carries (ours as JSON, nats-server's own
 * language), what a Service opens to outside the cluster, and Ingresses. The gateways' TLS listener itself always demands what
 * `security` of its code demands; it has no setting to turn that off, so none is looked for.
 */
import {
  at,
  type Declared,
  isAbsent,
  isKubernetes,
  kindOf,
  list,
  notYetKnown,
  record,
  text,
  type Violation,
  violation,
} from './declared.ts';
import { type NatsMap, type NatsValue, readNatsConf } from './nats-conf.ts';
import { namespaceOf } from './network-policies.ts';

export const rule = 'mesh-mutual-tls';

interface Fault {
  readonly path: string;
  readonly expected: string;
  readonly remedy: string;
}

export function meshMutualTls(resource: Declared): readonly Violation[] {
  return [...configFaults(resource), ...serviceFaults(resource), ...routeFaults(resource)].map((fault) =>
    violation(rule, resource, fault),
  );
}

function configFaults(resource: Declared): readonly Fault[] {
  if (!isKubernetes(resource, '', 'ConfigMap')) return [];
  const isNats = at(resource.props, 'metadata', 'labels', 'app.kubernetes.io/name') === 'nats';
  return Object.entries(record(at(resource.props, 'data'))).flatMap(([key, value]) => {
    const content = text(value);
    if (content === undefined) return [];
    if (
      key.endsWith('.conf') &&
      (isNats || /nats/i.test(key) || /^\s*(jetstream|leafnodes|system_account)\b/m.test(content))
    )
      return natsFaults(content, `data.${key}`);
    return ownFaults(content, `data.${key}`);
  });
}

/** Roots of our processes' files (docs/configuration.md). */
const roots = ['gateway', 'controlPlane'];

function ownFaults(content: string, path: string): readonly Fault[] {
  const parsed = parsedJson(content);
  if (parsed === undefined) {
    if (!roots.some((root) => new RegExp(`^["']?${root}["']?\\s*:`, 'm').test(content))) return [];
    return [
      fault(
        path,
        'the configuration as JSON, which this rule can read',
        'Render it as JSON; the processes read it as YAML.',
      ),
    ];
  }
  return roots.flatMap((root) => {
    const config = at(parsed, root);
    return isAbsent(config) ? [] : planeFaults(config, `${path}: ${root}`);
  });
}

function planeFaults(config: unknown, path: string): readonly Fault[] {
  const door = at(config, 'listen', 'insecureLoopback');
  const urls = [['url'], ['controlPlane', 'url']].map((keys) => [keys, /^https:\/\//, 'an https URL'] as const);
  const nats = [
    ['controlPlane', 'natsUrl'],
    ['nats', 'url'],
  ].map((keys) => [keys, /^(nats|tls):\/\//, 'a nats:// URL, which our processes dial by TLS alone'] as const);
  return [
    ...(isAbsent(door) || isLoopback(door)
      ? []
      : [fault(`${path}.listen.insecureLoopback`, 'a loopback address, or none', 'Remove it: this door has no TLS.')]),
    ...[...urls, ...nats].flatMap(([keys, wanted, expected]) => {
      const value = at(config, ...keys);
      const all = Array.isArray(value) && value.length > 0 ? value : [value]; // one a server
      if (isAbsent(value) || all.every((one) => wanted.test(text(one) ?? ''))) return [];
      return [fault(`${path}.${keys.join('.')}`, expected, 'Name the TLS listener.')];
    }),
  ];
}

/** host:port. */
function isLoopback(address: unknown): boolean {
  return /^(127(?:\.\d{1,3}){3}|localhost|\[::1\]|::1)(:\d+)?$/.test(text(address) ?? '');
}

/** Listeners of nats-server beside the clients' one. */
const natsBlocks = ['cluster', 'gateway', 'leafnodes', 'websocket', 'mqtt'];

function natsFaults(content: string, path: string): readonly Fault[] {
  const conf = readNatsConf(content);
  if (conf === undefined)
    return [fault(path, 'a configuration of nats-server in one file, without include', 'Write it out.')];
  const blocks = natsBlocks.filter((key) => typeof conf[key] === 'object' && !Array.isArray(conf[key]));
  return [
    ...(isYes(conf.allow_non_tls) ? [fault(`${path}: allow_non_tls`, 'false', 'Remove it.')] : []),
    ...listenerFaults(conf, path, 'tls'),
    ...blocks.flatMap((key) => listenerFaults(conf[key] as NatsMap, `${path}: ${key}`, 'tls')),
  ];
}

function listenerFaults(listener: NatsMap, path: string, key: string): readonly Fault[] {
  if (isLoopback(listener.listen) || isLoopback(listener.host)) return [];
  const tls = record(listener[key]) as NatsMap;
  const where = path.includes(': ') ? `${path}.${key}` : `${path}: ${key}`;
  const verifies = isYes(tls.verify) || isYes(tls.verify_and_map) || isYes(tls.verify_cert_and_check_known_urls);
  return [
    ...(verifies && !isYes(listener.no_tls)
      ? []
      : [fault(`${where}.verify`, 'true', 'Add `verify: true` and ca_file: a CA alone does not make the server ask.')]),
    ...(isYes(tls.insecure) ? [fault(`${where}.insecure`, 'false', 'Remove it.')] : []),
  ];
}

function isYes(value: NatsValue | undefined): boolean {
  return typeof value === 'string' && /^(true|yes|on)$/i.test(value);
}

/** Ports that ask for a certificate or a token by TLS, by name and number (docs/architecture.md "Processes"). */
const tlsPorts = new Set<unknown>(['tls', 8443, 'nats', 4222, notYetKnown]);

const endsTls = [
  'service.beta.kubernetes.io/aws-load-balancer-ssl-cert',
  'service.beta.kubernetes.io/aws-load-balancer-ssl-ports',
];

function serviceFaults(resource: Declared): readonly Fault[] {
  const { props } = resource;
  if (!isKubernetes(resource, '', 'Service') || !isOurs(props)) return [];
  const type = at(props, 'spec', 'type');
  if (type !== 'LoadBalancer' && type !== 'NodePort') return [];
  const ports = list(at(props, 'spec', 'ports')).flatMap((port, index) => {
    const target = at(port, 'targetPort') ?? at(port, 'port');
    if (port === notYetKnown || tlsPorts.has(target)) return [];
    const expected = 'a target port with mutual TLS (tls or nats)';
    return [
      fault(`spec.ports[${index}].targetPort`, expected, 'Reach health, metrics and monitor inside the cluster.'),
    ];
  });
  const annotations = endsTls
    .filter((key) => !isAbsent(at(props, 'metadata', 'annotations', key)))
    .map((key) => fault(`metadata.annotations.${key}`, 'a balancer that passes TLS through', 'Remove it.'));
  return [...ports, ...annotations];
}

/** By our labels, or by whom it selects. */
function isOurs(props: unknown): boolean {
  const selector = at(props, 'spec', 'selector');
  return (
    at(props, 'metadata', 'labels', 'app.kubernetes.io/part-of') === 'portolan' ||
    at(selector, 'portolan.dev/door') !== undefined ||
    at(selector, 'app.kubernetes.io/part-of') === 'portolan'
  );
}

const passThrough = ['nginx.ingress.kubernetes.io/ssl-passthrough', 'haproxy-ingress.github.io/ssl-passthrough'];

function routeFaults(resource: Declared): readonly Fault[] {
  const { props } = resource;
  const isRoute =
    isKubernetes(resource, 'networking', 'Ingress') || isKubernetes(resource, 'gateway.networking', 'HTTPRoute');
  if (!isRoute || !(isOurs(props) || /^portolan-/.test(text(namespaceOf(props)) ?? ''))) return [];
  if (passThrough.some((key) => ['true', notYetKnown].includes(at(props, 'metadata', 'annotations', key) as string)))
    return [];
  const remedy = 'Use a Service of type LoadBalancer or NodePort, or a route that passes TLS through (TLSRoute).';
  return [
    fault('', `no ${kindOf(resource)} before a plane: it ends TLS, and the certificate of the caller with it`, remedy),
  ];
}

function parsedJson(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch {
    return undefined;
  }
}

function fault(path: string, expected: string, remedy: string): Fault {
  return { path, expected, remedy };
}
