import { expect, test } from 'vitest';
import { configMap, declared, gatewayConfigMap, service, type Value } from '../test/manifests.ts';
import { type Declared, meshMutualTls, notYetKnown } from './index.ts';

const paths = (resource: Declared) => meshMutualTls(resource).map(({ path }) => path);
const control = (change: Value) =>
  configMap({ 'config.yaml': JSON.stringify({ controlPlane: { url: 'https://control.example.com', ...change } }) });
const tls = 'tls { cert_file: a, key_file: b, ca_file: c, verify: true }';
const nats = (conf: string, key = 'nats.conf') => configMap({ [key]: conf }, 'nats');
const route = (kind: string, meta: Value = {}) => {
  const [type, of] =
    kind === 'Ingress' ? ['networking.k8s.io/v1', 'portolan-aws'] : ['gateway.networking.k8s.io/v1', 'portolan-aws'];
  return declared(`kubernetes:${type}:${kind}`, { metadata: { namespace: of, ...meta }, spec: {} });
};

test.each<[string, Declared]>([
  ['a gateway’s configuration', gatewayConfigMap()],
  ['a plain door on loopback', gatewayConfigMap({ listen: { insecureLoopback: '127.0.0.1:8080' } })],
  ['on loopback of IPv6', gatewayConfigMap({ listen: { insecureLoopback: '[::1]:8080' } })],
  ['a control plane’s with several servers', control({ nats: { url: ['tls://nats-0:4222', 'tls://nats-1:4222'] } })],
  ['a control plane’s', control({ listen: { tls: '0.0.0.0:8443' }, nats: { url: 'nats://nats:4222' } })],
  ['a file of someone else’s', configMap({ 'app.yaml': 'listen: 0.0.0.0:80\n', 'notes.txt': 'gateway is up' })],
  ['a value that only an update knows', configMap({ 'config.yaml': notYetKnown })],
  ['NATS that verifies, clients and routes', nats(`port: 4222\n${tls}\ncluster { listen: 0.0.0.0:6222, ${tls} }`)],
  ['a server.conf of somebody else', configMap({ 'server.conf': 'port: 80' })],
  ['NATS on loopback', nats('listen: 127.0.0.1:4222')],
  ['a Service of the TLS port', service()],
  [
    'a Service by number, and NATS',
    service({
      ports: [
        { port: 443, targetPort: 8443 },
        { port: 4222, targetPort: 'nats' },
      ],
    }),
  ],
  ['metrics inside the cluster', service({ type: 'ClusterIP', ports: [{ port: 9090, targetPort: 'metrics' }] })],
  [
    'somebody else’s Service',
    declared('kubernetes:core/v1:Service', { spec: { type: 'LoadBalancer', ports: [{ port: 80 }] } }),
  ],
  [
    'an Ingress that passes TLS through',
    route('Ingress', { annotations: { 'nginx.ingress.kubernetes.io/ssl-passthrough': 'true' } }),
  ],
  ['an Ingress elsewhere', route('Ingress', { namespace: 'shop' })],
  ['a route of TLS', route('TLSRoute')],
])('passes: %s', (_what, resource) => {
  expect(paths(resource)).toEqual([]);
});

test.each<[string, Declared, string]>([
  [
    'a plain door for everyone',
    gatewayConfigMap({ listen: { insecureLoopback: '0.0.0.0:8080' } }),
    'data.config.yaml: gateway.listen.insecureLoopback',
  ],
  [
    'one plain server of several',
    control({ nats: { url: ['tls://nats-0:4222', 'ws://nats-1:4222'] } }),
    'data.config.yaml: controlPlane.nats.url',
  ],
  [
    'on a name that only looks like loopback',
    gatewayConfigMap({ listen: { insecureLoopback: 'localhost.example.com:80' } }),
    'data.config.yaml: gateway.listen.insecureLoopback',
  ],
  [
    'of the control plane',
    control({ listen: { insecureLoopback: '10.0.0.1:80' } }),
    'data.config.yaml: controlPlane.listen.insecureLoopback',
  ],
  [
    'a control plane without TLS',
    gatewayConfigMap({ controlPlane: { url: 'http://control:8080' } }),
    'data.config.yaml: gateway.controlPlane.url',
  ],
  [
    'NATS by websocket',
    gatewayConfigMap({ controlPlane: { natsUrl: 'ws://control:80' } }),
    'data.config.yaml: gateway.controlPlane.natsUrl',
  ],
  [
    'a configuration that cannot be read',
    configMap({ 'config.yaml': 'gateway:\n  listen: { insecureLoopback: 0.0.0.0:80 }\n' }),
    'data.config.yaml',
  ],
  ['NATS without TLS', nats('port: 4222'), 'data.nats.conf: tls.verify'],
  ['NATS that does not ask', nats('tls { cert_file: a, key_file: b, ca_file: c }'), 'data.nats.conf: tls.verify'],
  ['NATS that is told not to', nats('tls { verify: false }'), 'data.nats.conf: tls.verify'],
  ['NATS for those without TLS too', nats(`allow_non_tls: true\n${tls}`), 'data.nats.conf: allow_non_tls'],
  ['routes without TLS', nats(`${tls}\ncluster { port: 6222 }`), 'data.nats.conf: cluster.tls.verify'],
  [
    'routes that believe everyone',
    nats(`${tls}\ncluster { tls { verify: true, insecure: true } }`),
    'data.nats.conf: cluster.tls.insecure',
  ],
  [
    'a websocket without TLS',
    nats(`${tls}\nwebsocket { port: 80, no_tls: true, ${tls} }`),
    'data.nats.conf: websocket.tls.verify',
  ],
  ['leaf nodes without TLS', nats(`${tls}\nleafnodes { port: 7422 }`), 'data.nats.conf: leafnodes.tls.verify'],
  ['NATS by what the file says', configMap({ 'server.conf': 'jetstream { }' }), 'data.server.conf: tls.verify'],
  ['NATS by the label of its file', nats('port: 4222', 'server.conf'), 'data.server.conf: tls.verify'],
  ['NATS with a file from elsewhere', nats('include tls.conf'), 'data.nats.conf'],
  [
    'metrics outside',
    service({
      ports: [
        { port: 443, targetPort: 'tls' },
        { port: 9090, targetPort: 'metrics' },
      ],
    }),
    'spec.ports[1].targetPort',
  ],
  ['a port without a target', service({ type: 'NodePort', ports: [{ port: 80 }] }), 'spec.ports[0].targetPort'],
  [
    'the cluster port of NATS outside',
    service({ ports: [{ port: 6222, targetPort: 'cluster' }] }),
    'spec.ports[0].targetPort',
  ],
  [
    'a balancer that ends TLS',
    service(
      {},
      {
        annotations: { 'service.beta.kubernetes.io/aws-load-balancer-ssl-cert': 'arn:x' },
        labels: { 'app.kubernetes.io/part-of': 'portolan' },
      },
    ),
    'metadata.annotations.service.beta.kubernetes.io/aws-load-balancer-ssl-cert',
  ],
  ['an Ingress', route('Ingress'), ''],
  [
    'an Ingress by its label',
    route('Ingress', { namespace: 'edge', labels: { 'app.kubernetes.io/part-of': 'portolan' } }),
    '',
  ],
  ['a route of HTTP', route('HTTPRoute'), ''],
])('stops: %s', (_what, resource, path) => {
  expect(paths(resource)).toEqual([path]);
});
