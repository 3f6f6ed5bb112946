/** Kubernetes objects that keep every rule, as values: a gateway of plane `aws` in its namespace. Tests break them one by one. */
import type { Declared } from '../rules/index.ts';

export const digest = `sha256:${'0123456789abcdef'.repeat(4)}`;
export const image = `registry.example.com/portolan/gateway@${digest}`;

export type Value = Record<string, unknown>;

const labels = (plane: string) => ({
  'app.kubernetes.io/name': 'gateway',
  'app.kubernetes.io/instance': plane,
  'app.kubernetes.io/part-of': 'portolan',
  'app.kubernetes.io/managed-by': 'pulumi',
});

const selector = (plane: string) => ({
  matchLabels: { 'app.kubernetes.io/name': 'gateway', 'app.kubernetes.io/instance': plane },
});

const metadata = (plane: string, name: string) => ({ namespace: `portolan-${plane}`, name, labels: labels(plane) });

export function gatewayPod(change: { pod?: Value; container?: Value; context?: Value } = {}): Value {
  const securityContext = {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
    ...change.context,
  };
  const container = {
    name: 'gateway',
    image,
    args: ['--config', '/etc/portolan/config/config.yaml'],
    env: [{ name: 'NODE_ENV', value: 'production' }],
    ports: [{ name: 'tls', containerPort: 8443 }],
    readinessProbe: { httpGet: { path: '/readyz', port: 'health' } },
    securityContext,
    ...change.container,
  };
  return {
    securityContext: {
      runAsNonRoot: true,
      runAsUser: 65532,
      fsGroup: 65532,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    volumes: [
      { name: 'config', configMap: { name: 'gateway' } },
      { name: 'tls', secret: { secretName: 'gateway-tls' } },
      { name: 'tmp', emptyDir: {} },
    ],
    containers: [container],
    ...change.pod,
  };
}

export function deployment(spec: unknown = gatewayPod(), plane = 'aws'): Declared {
  const template = { metadata: { labels: labels(plane) }, spec };
  return declared('kubernetes:apps/v1:Deployment', {
    metadata: metadata(plane, 'gateway'),
    spec: { selector: selector(plane), template },
  });
}

export function denyAll(plane = 'aws'): Declared {
  return declared('kubernetes:networking.k8s.io/v1:NetworkPolicy', {
    metadata: metadata(plane, 'default-deny'),
    spec: { podSelector: {}, policyTypes: ['Ingress', 'Egress'] },
  });
}

/** The other gateway, of the same cluster: both directions. */
export function peerPolicy(plane: string, other: string, spec: Value = {}): Declared {
  const peers = [
    {
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': `portolan-${other}` } },
      podSelector: selector(other),
    },
  ];
  const ports = [{ port: 8443, protocol: 'TCP' }];
  return gatewayPolicy(plane, `peer-${other}`, {
    ingress: [{ from: peers, ports }],
    egress: [{ to: peers, ports }],
    ...spec,
  });
}

export function gatewayPolicy(plane: string, name: string, spec: Value, labelled: Value = {}): Declared {
  return declared('kubernetes:networking.k8s.io/v1:NetworkPolicy', {
    metadata: { ...metadata(plane, name), labels: { ...labels(plane), ...labelled } },
    spec: { podSelector: selector(plane), policyTypes: ['Ingress', 'Egress'], ...spec },
  });
}

export function service(spec: Value = {}, meta: Value = {}): Declared {
  return declared('kubernetes:core/v1:Service', {
    metadata: { ...metadata('aws', 'public'), ...meta },
    spec: {
      type: 'LoadBalancer',
      selector: selector('aws').matchLabels,
      ports: [{ port: 443, targetPort: 'tls' }],
      loadBalancerSourceRanges: ['192.0.2.0/24'],
      ...spec,
    },
  });
}

export function configMap(data: Record<string, unknown>, name = 'gateway'): Declared {
  const meta = metadata('aws', name);
  return declared('kubernetes:core/v1:ConfigMap', {
    metadata: { ...meta, labels: { ...meta.labels, 'app.kubernetes.io/name': name } },
    data,
  });
}

export function gatewayConfigMap(gateway: Value = {}): Declared {
  const config = {
    url: 'https://aws-gw.example.com',
    controlPlane: { url: 'https://control.example.com', natsUrl: 'nats://control.example.com:4222' },
    listen: { tls: '0.0.0.0:8443' },
    ...gateway,
  };
  return configMap({ 'config.yaml': JSON.stringify({ gateway: config }) });
}

export function peerMatrix(...pairs: unknown[]): Declared {
  return declared('portolan:registry:PeerMatrix', { pairs });
}

export function secret(props: Value): Declared {
  return declared('kubernetes:core/v1:Secret', { metadata: metadata('aws', 'gateway-tls'), ...props });
}

export function declared(type: string, props: Value, name = 'it'): Declared {
  return { type, name, props };
}
