/** Federations of 1 to 12 planes over 1 to 4 clusters, with an address plan in which every address is told apart from every other. */
import fc from 'fast-check';
import type { ControlPlaneNetwork, GatewayNetwork, PlaneNetwork, SiteNetwork } from '../index.ts';

export interface Federation {
  readonly sites: readonly SiteNetwork[];
  readonly control: ControlPlaneNetwork;
  readonly gateways: readonly GatewayNetwork[];
}

export const planesOf = ({ control, gateways }: Federation): readonly PlaneNetwork[] => [control, ...gateways];

/** Addresses, by what they are for; `at` is the index of a site or of a plane. */
export const plan = {
  egress: (at: number) => `203.0.113.${at + 1}`,
  ingress: (at: number) => `192.0.2.${at + 1}`,
  server: (at: number) => `10.${at + 10}.0.9`,
  openServer: (at: number) => `10.${at + 30}.0.9`,
  api: (at: number) => `172.20.${at}.1`,
  balancer: '35.191.0.7',
  caller: '198.51.100.7',
  idp: '100.64.9.9',
  otlp: '100.64.8.8',
  otlp6: 'fd00:8::8',
  login: '20.190.128.3',
  database: '10.90.0.5',
  stranger: '8.8.4.4',
} as const;

const one = (address: string) => [`${address}/32`];

const siteShape = fc.record({
  platform: fc.constantFrom('generic' as const, 'eks' as const, 'aks' as const, 'gke' as const),
  balanced: fc.boolean(),
  scraped: fc.boolean(),
  openServer: fc.boolean(),
  serversInside: fc.boolean(),
});
type SiteShape = typeof siteShape extends fc.Arbitrary<infer Shape> ? Shape : never;

const site = ({ platform, balanced, scraped, openServer, serversInside }: SiteShape, at: number): SiteNetwork => ({
  name: `site-${at}`,
  cluster: `cluster-${at}`,
  platform,
  egressCidrs: one(plan.egress(at)),
  apiServer: { cidrs: one(plan.api(at)), port: 6443 },
  upstreamCidrs: [
    { cidr: `10.${at + 10}.0.0/16`, ports: [8080, 8090] },
    ...(openServer ? [{ cidr: `10.${at + 30}.0.0/24` }] : []),
  ],
  upstreamNamespaces: serversInside ? [{ namespace: 'apps', ports: [8090] }] : undefined,
  balancerCidrs: balanced ? ['35.191.0.0/16'] : undefined,
  scrapers: scraped ? 'monitoring' : undefined,
  loginCidrs: platform === 'aks' ? one(plan.login) : undefined,
});

const planeShape = fc.record({
  where: fc.nat(),
  open: fc.constantFrom(undefined, true as const, ['198.51.100.0/24']),
  near: fc.boolean(),
  idps: fc.constantFrom(undefined, [{ cidr: '100.64.9.9/32' }], [{ cidr: '0.0.0.0/0' }]),
  otlp: fc.constantFrom(undefined, [
    { cidr: '100.64.8.8/32', ports: [4317] },
    { cidr: 'fd00:8::/32', ports: [4317] },
  ]),
});
type PlaneShape = typeof planeShape extends fc.Arbitrary<infer Shape> ? Shape : never;

function plane(sites: readonly SiteNetwork[], { where, open, near, idps, otlp }: PlaneShape, name: string, at: number) {
  const on = sites[where % sites.length] as SiteNetwork;
  return {
    name,
    url: `https://${name}.example.com`,
    site: on,
    namespace: `portolan-${name}`,
    ingressCidrs: one(plan.ingress(at)),
    endpointOverride: `${name}.portolan-${name}.svc:443`,
    public: open,
    callerNamespaces: near ? ['apps'] : undefined,
    idps,
    otlp,
  };
}

/** @param fewest How many gateways there are at least. */
export const federations = (fewest = 0): fc.Arbitrary<Federation> =>
  fc
    .record({
      sites: fc.array(siteShape, { minLength: 1, maxLength: 4 }),
      control: planeShape,
      inCluster: fc.boolean(),
      gateways: fc.array(planeShape, { minLength: fewest, maxLength: 11 }),
    })
    .map((shape) => {
      const sites = shape.sites.map(site);
      const database = shape.inCluster ? ('cluster' as const) : { cidrs: one(plan.database), port: 5432 };
      const control = { kind: 'control-plane' as const, ...plane(sites, shape.control, 'hq', 0), database };
      const gateways = shape.gateways.map((one, at) => ({
        kind: 'gateway' as const,
        ...plane(sites, one, `gw-${at}`, at + 1),
      }));
      return { sites, control, gateways };
    });
