// The rendered policies of whole federations, judged by Kubernetes' rules: what must pass passes at both ends, and nothing else does.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Address, type Endpoint, networkOf, type Pod } from '../../../test/harness/netpol.ts';
import {
  type Flow,
  type FlowPort,
  federationFlows,
  type PlanePods,
  partLabels,
  type SiteNetwork,
} from '../../flows/index.ts';
import { type Asked, type Inhabitant, mayEnter, mayLeave, mayMeet } from '../../flows/test/expected.ts';
import { type Federation, federations, plan, planesOf } from '../../flows/test/federations.ts';
import { defaultDeny, networkPolicies, type Policy } from './network-policies.ts';

type Resident = Inhabitant & { readonly pod: Pod };

const runs = { numRuns: 25 };
const asked: readonly Asked[] = [
  53, 80, 443, 988, 4222, 4317, 5432, 6222, 6443, 8080, 8081, 8090, 8222, 8443, 9090,
].flatMap((port) => (['TCP', 'UDP'] as const).map((protocol) => ({ port, protocol })));

const flowsOf = ({ control, gateways }: Federation) => federationFlows(control, gateways);

const policiesOf = (federation: Federation, { cluster }: SiteNetwork): readonly Policy[] => [
  ...planesOf(federation)
    .filter(({ site }) => site.cluster === cluster)
    .map(defaultDeny),
  ...networkPolicies(flowsOf(federation), cluster),
];

const namespaces = { 'kube-system': {}, monitoring: {}, apps: {}, others: {} };
const networkIn = (federation: Federation, site: SiteNetwork) =>
  networkOf({ namespaces, policies: policiesOf(federation, site) });

/** Two replicas of every part of every plane of a cluster, and neighbours that are not ours. */
function residents(federation: Federation, site: SiteNetwork): readonly Resident[] {
  const ours = planesOf(federation)
    .filter((plane) => plane.site === site)
    .flatMap((plane) => {
      const { namespace, name, kind } = plane;
      const two = (part: 'gateway' | 'control-plane' | 'nats' | 'postgres'): Resident[] =>
        ['0', '1'].map((replica) => ({ part, plane, pod: pod(namespace, { ...partLabels(part, name), replica }) }));
      if (kind === 'gateway') return two('gateway');
      const labels = { ...partLabels('control-plane', name), 'portolan.dev/secrets-writer': name };
      const job: Resident = { part: 'job', plane, pod: pod(namespace, labels) };
      return [...two('control-plane'), ...two('nats'), ...two('postgres'), job];
    });
  const neighbours: readonly Resident[] = [
    { part: 'dns', pod: pod('kube-system', { 'k8s-app': 'kube-dns' }) },
    { part: 'scraper', pod: pod('monitoring', { app: 'prometheus' }) },
    { part: 'application', pod: pod('apps', partLabels('gateway', 'gw-0')) },
    { part: 'stranger', pod: pod('others', partLabels('control-plane', 'hq')) },
    { part: 'stranger', pod: pod('kube-system', { app: 'other' }) },
  ];
  return [...ours, ...neighbours];
}

const pod = (namespace: string, labels: Pod['labels']): Pod => ({ kind: 'pod', namespace, labels });
const address = (ip: string): Address => ({ kind: 'address', ip });

/** Everybody that somebody may reach, a neighbour of each, and what nobody may. */
function addresses({ sites, control, gateways }: Federation): readonly string[] {
  const at = (index: number) => [plan.egress(index), plan.server(index), plan.openServer(index), plan.api(index)];
  const planes = [control, ...gateways].map((_, index) => plan.ingress(index));
  const metadata = ['169.254.169.254', '169.254.170.23', '169.254.169.252', '169.254.20.10', '168.63.129.16'];
  const { balancer, caller, idp, otlp, otlp6, login, database, stranger } = plan;
  const all = [
    ...sites.flatMap((_, index) => at(index)),
    ...planes,
    ...metadata,
    balancer,
    caller,
    idp,
    otlp,
    otlp6,
    login,
    database,
    stranger,
  ];
  return [...all, plan.egress(sites.length), plan.ingress(planes.length), '10.99.0.9', '203.0.113.250'];
}

/** What is not as it should be, as text; the first few are enough. */
function differences(federation: Federation): readonly string[] {
  const found: string[] = [];
  const say = (is: boolean, should: boolean, words: () => string) => {
    if (is !== should && found.length < 5) found.push(`${should ? 'denied' : 'allowed'}: ${words()}`);
  };
  for (const site of federation.sites) {
    const can = networkIn(federation, site);
    const here = residents(federation, site);
    const named = ({ part, plane }: Inhabitant) => `${part} of ${plane?.name ?? 'the cluster'} on ${site.platform}`;
    for (const port of asked) {
      const at = `${port.port}/${port.protocol}`;
      for (const from of here) {
        for (const to of here)
          if (from !== to)
            say(
              can(from.pod, to.pod, port),
              mayMeet(from, to, port, site),
              () => `${named(from)} -> ${named(to)} ${at}`,
            );
        for (const ip of addresses(federation)) {
          say(
            can(from.pod, address(ip), port),
            mayLeave(from, ip, port, federation),
            () => `${named(from)} -> ${ip} ${at}`,
          );
          say(
            can(address(ip), from.pod, port),
            mayEnter(ip, from, port, federation),
            () => `${ip} -> ${named(from)} ${at}`,
          );
        }
      }
    }
  }
  return found;
}

test('of all pairs of pods, addresses and ports, exactly those may connect that must', () => {
  fc.assert(
    fc.property(federations(), (federation) => {
      expect(differences(federation)).toEqual([]);
    }),
    runs,
  );
}, 240_000);

/** An endpoint that stands for one end of a flow, as `cluster` sees it. */
function endpoints(flow: Flow, end: 'from' | 'to', cluster: string): readonly Endpoint[] {
  const it = flow[end];
  if (it.kind === 'pods' || (it.kind === 'plane' && it.cluster === cluster)) return [pod(it.namespace, it.labels)];
  if (it.kind === 'world') return [address(plan.stranger)];
  if (it.kind === 'node') return [{ ...address('10.0.0.1'), node: 'node' }];
  const cidrs = it.kind === 'plane' ? it.outside : it.blocks?.map(({ cidr }) => cidr);
  return (cidrs ?? []).map((cidr) => address(cidr.split('/')[0]?.replace(/^0\.0\.0\.0$/, plan.stranger) ?? ''));
}

test('every flow passes end to end, in each cluster that has an end of it', () => {
  fc.assert(
    fc.property(federations(), (federation) => {
      for (const site of federation.sites) {
        const can = networkIn(federation, site);
        const inside = (end: Flow['from']): end is PlanePods => end.kind === 'plane' && end.cluster === site.cluster;
        for (const flow of flowsOf(federation).filter(({ from, to }) => inside(from) || inside(to))) {
          const seen = ({ dialledPort, port, protocol }: FlowPort) => ({
            protocol,
            port: inside(flow.to) ? port : (dialledPort ?? port),
          });
          const from = endpoints(flow, 'from', site.cluster);
          const to = endpoints(flow, 'to', site.cluster).map((one) =>
            flow.from.kind === 'node' ? { ...one, node: 'node' } : one,
          );
          expect(from.length * to.length, flow.id).toBeGreaterThan(0);
          for (const one of from)
            for (const other of to)
              for (const port of flow.ports) expect(can(one, other, seen(port)), flow.id).toBe(true);
        }
      }
    }),
    runs,
  );
}, 120_000);

const keyed = (policies: readonly Policy[]) =>
  new Map(policies.map((policy) => [`${policy.metadata.namespace}/${policy.metadata.name}`, JSON.stringify(policy)]));

test('no two policies have one name', () => {
  fc.assert(
    fc.property(federations(), (federation) => {
      for (const site of federation.sites) {
        const policies = policiesOf(federation, site);
        expect(keyed(policies).size).toBe(policies.length);
      }
    }),
    runs,
  );
});

test('a gateway more adds policies, and changes none of those that were there', () => {
  fc.assert(
    fc.property(federations(1), (federation) => {
      const fewer = { ...federation, gateways: federation.gateways.slice(0, -1) };
      const added = federation.gateways.at(-1)?.name;
      for (const site of federation.sites) {
        const before = keyed(policiesOf(fewer, site));
        const after = keyed(policiesOf(federation, site));
        for (const [name, text] of before) expect(after.get(name)).toBe(text);
        for (const name of after.keys()) if (!before.has(name)) expect(name).toContain(added);
      }
    }),
    runs,
  );
});

test('while addresses are not known, the same policies are there, and admit nobody by address', () => {
  fc.assert(
    fc.property(federations(), (federation) => {
      const unknown = withoutAddresses(federation);
      for (const [at, site] of federation.sites.entries()) {
        const preview = policiesOf(unknown, unknown.sites[at] as SiteNetwork);
        const known = policiesOf(federation, site);
        expect(preview.map(({ metadata }) => metadata)).toEqual(known.map(({ metadata }) => metadata));
        const can = networkIn(unknown, unknown.sites[at] as SiteNetwork);
        for (const { pod: one, plane } of residents(unknown, unknown.sites[at] as SiteNetwork)) {
          if (plane === undefined) continue;
          expect(can(one, address(plan.ingress(99)), { port: 4222 })).toBe(false);
          for (const ip of addresses(federation)) expect(can(address(ip), one, { port: 4222 })).toBe(false);
        }
      }
    }),
    runs,
  );
});

/** As in a preview: balancers and NAT gateways are not made yet. */
function withoutAddresses(federation: Federation): Federation {
  const sites = federation.sites.map((site) => ({
    ...site,
    egressCidrs: undefined,
    apiServer: { ...site.apiServer, cidrs: undefined },
  }));
  const moved = <Plane extends { readonly site: SiteNetwork }>(plane: Plane): Plane => ({
    ...plane,
    site: sites[federation.sites.indexOf(plane.site)],
    ingressCidrs: undefined,
  });
  return { sites, control: moved(federation.control), gateways: federation.gateways.map(moved) };
}
