/** docs/flows.md: every flow of an example federation, as the code derives it. Pure. */
import {
  type ControlPlaneNetwork,
  controlPlaneFlows,
  describeFlow,
  type Flow,
  type GatewayNetwork,
  gatewayFlows,
  type Platform,
  pairFlows,
  type SiteNetwork,
} from '../../components/flows/index.ts';

const site = (name: string, platform: Platform, egress: string, upstream: string): SiteNetwork => ({
  name,
  platform,
  cluster: name,
  egressCidrs: [egress],
  apiServer: { cidrs: ['172.20.0.1/32'], port: 443 },
  upstreamCidrs: [{ cidr: upstream, ports: [8080] }],
  balancerCidrs: ['10.0.0.0/24'],
  upstreamNamespaces: [{ namespace: 'mcp', ports: [8080] }],
  scrapers: 'monitoring',
  loginCidrs: platform === 'aks' ? ['20.190.128.0/18'] : undefined,
});

const plane = (name: string, on: SiteNetwork, ingress: string) => ({
  name,
  url: `https://${name}.example.com`,
  site: on,
  namespace: `portolan-${name}`,
  ingressCidrs: [ingress],
  public: ['198.51.100.0/24'],
  callerNamespaces: ['agents'],
  idps: [{ cidr: '192.0.2.128/25' }],
  otlp: [{ cidr: '192.0.2.64/32', ports: [4317] }],
});

const generic = site('hq', 'generic', '203.0.113.1/32', '10.1.0.0/16');
const control: ControlPlaneNetwork = {
  kind: 'control-plane',
  ...plane('control', generic, '203.0.113.10/32'),
  database: 'cluster',
  acme: [{ cidr: '192.0.2.32/32' }],
  acmeDns: [{ cidr: '192.0.2.33/32' }],
  kms: [{ cidr: '192.0.2.16/32' }],
};
const gateway = (
  name: string,
  platform: Platform,
  egress: string,
  ingress: string,
  upstream: string,
): GatewayNetwork => ({
  kind: 'gateway',
  ...plane(name, site(name, platform, egress, upstream), ingress),
});
const onprem = gateway('onprem', 'generic', '203.0.113.2/32', '203.0.113.20/32', '10.2.0.0/16');
const azure = gateway('azure', 'aks', '203.0.113.3/32', '203.0.113.30/32', '10.3.0.0/16');

const platforms: readonly Platform[] = ['generic', 'aks', 'eks', 'gke'];

const cell = (text: string): string => text.replaceAll('|', '\\|');

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((row) => `| ${row.map(cell).join(' | ')} |`).join('\n');

function flowTable(flows: readonly Flow[]): string {
  const rows = flows.map((flow) => {
    const { id, reason, from, to } = flow;
    return [`\`${id}\``, from.says, to.says, describeFlow(flow).ports.join(', '), reason];
  });
  return table(['rule', 'from', 'to', 'ports', 'why'], rows);
}

/** What a gateway has on one platform and not on the others. */
function platformTable(): string {
  const rows = platforms.map((platform) => {
    const flows = gatewayFlows(gateway('p', platform, '203.0.113.9/32', '203.0.113.90/32', '10.9.0.0/16'), control);
    const of = (word: string) =>
      flows
        .filter(({ id }) => id.startsWith(word))
        .map(describeFlow)
        .map(({ to, ports }) => `${to}, ${ports.join(' and ')}`)
        .join('; ') || 'none: no metadata service is reached';
    return [`\`${platform}\``, of('dns'), of('identity')];
  });
  return table(['platform', 'names', 'identity'], rows);
}

export function flowsPage(): string {
  return `# Flows

Made from \`components/flows/\` by \`npm run docs\`.

A flow says who may open a connection to whom, at which port, and why. From a list of planes a pure function derives them all; each site renders its
end as rules of its own. What is no flow is denied, in and out of every namespace of a plane. \`npx portolan flows\` prints those of a stack.

The tables are of an example: control plane \`control\` in cluster \`hq\`, gateway \`onprem\` in a cluster of its own, gateway \`azure\` in AKS.
Addresses, networks of callers, identity providers and the rest are given by whoever declares the planes: a name is never resolved for a rule.

## A control plane
${flowTable(controlPlaneFlows(control))}

## A gateway and its control plane
${flowTable(gatewayFlows(onprem, control))}

## Two gateways
Both ways or not at all: the peer matrix is symmetric.

${flowTable(pairFlows(onprem, azure))}

## Platforms
Where names are looked up, and where a pod proves who it is to its cloud, in place of a stored key. No other rule reaches a metadata service: wide
networks leave them out (\`except\`), \`upstreamCidrs\` that contain one are refused.

${platformTable()}

## How a cluster sees a flow
* **Whose pods.** A plane's pods are selected by \`app.kubernetes.io/name\` and \`app.kubernetes.io/instance\` in the namespace of the plane, which is told
  by the label that Kubernetes itself writes. The jobs that write Secrets carry \`portolan.dev/secrets-writer\` besides.
* **Ports.** A NetworkPolicy matches the port of the pod, after every translation. So a call that is dialled at 443 leaves at 443 when it goes to another
  cluster, enters there at 8443, and is 8443 at both ends within one cluster.
* **Ends in the same cluster** are selected by namespace and labels. Some clusters (Cilium: AKS, GKE) short-circuit their own balancers to pods, and
  an \`ipBlock\` never matches a pod there. So applications and MCP servers in the cluster are named by namespace (\`callerNamespaces\`,
  \`upstreamNamespaces\`), and planes of one cluster have an \`endpointOverride\`, the cluster name of their Service; the name in
  TLS stays the plane's.
* **Ends elsewhere** are seen by address: a caller by the egress addresses of its site, a plane that is called by its ingress addresses. Balancers
  must keep the address of the caller.
* **The node of a pod** is always admitted by Kubernetes, so the kubelet needs no rule; it is a flow all the same.
* **Objects.** One policy for each flow and each end in the cluster, \`<rule>.out\` and \`<rule>.in\`, beside \`default-deny\`. One gateway more adds
  policies and changes none. The reason stands in each as annotation \`portolan.dev/reason\`.
* **Not known yet.** In a preview, addresses that a cloud has still to give are unknown. Which policies there are does not depend on them, and until
  they are known theirs admit nobody.

## What is refused
An address that is no CIDR or lies within one (host bits); egress addresses that two sites share; \`upstreamCidrs\` that are missing, or contain a metadata
service or the API of the cluster; a network of callers as wide as the world without \`public: true\`; two planes with one name or one URL; planes of
one cluster without \`endpointOverride\`.

## What this does not promise
Policies limit pods, not the nodes below them: nodes also fetch images and call their cloud. A cluster whose network does not enforce NetworkPolicy
enforces none of this. Peers list each other's egress addresses, so a new NAT address is a change of the whole mesh.
`;
}
