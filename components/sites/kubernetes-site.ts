/**
 * A Kubernetes cluster as a site: planes run as its workloads, kept apart by namespaces and network rules. Any cluster will do;
 * what differs between platforms is in the arguments.
 */
import { readFileSync } from 'node:fs';
import { ArgumentError } from '@portolan/provider';
import { core, Provider } from '@pulumi/kubernetes';
import {
  ComponentResource,
  type ComponentResourceOptions,
  interpolate,
  type Output,
  output,
  type Resource,
} from '@pulumi/pulumi';
import { type ControlPlaneNetwork, controlPlaneFlows, type GatewayNetwork, gatewayFlows } from '../flows/index.ts';
import type { KubernetesSiteArgs } from './kubernetes-site/args.ts';
import { make } from './kubernetes-site/children.ts';
import {
  birthJob,
  type ControlPlaneInCluster,
  controlPlaneDoor,
  controlPlaneGround,
  controlPlaneServers,
  databaseName,
  gatewayGround,
  gatewayServers,
  initJob,
  type Manifest,
  manifest,
  natsGround,
  natsManifests,
  postgresManifests,
} from './kubernetes-site/manifests/index.ts';
import { namespaceOf, ports, secrets } from './kubernetes-site/names.ts';
import { controlPlaneNetwork, gatewayNetwork } from './kubernetes-site/network.ts';
import { networkPolicies, type Policy } from './kubernetes-site/network-policies.ts';
import { controlApi, controlPlanePlace, gatewayPlace, tlsSecretOf } from './kubernetes-site/place.ts';
import {
  checkKubernetesSite,
  expectControlPlaneParts,
  ingressOf,
  type KubernetesSitePlan,
} from './kubernetes-site/validate.ts';
import type {
  CertificateOrders,
  ControlPlaneAddress,
  ControlPlanePlace,
  ControlPlaneRun,
  GatewayPlace,
  GatewayRun,
  Networked,
  PlaneAddress,
  PlannedFlows,
  RuledSite,
  RunningControlPlane,
  RunningGateway,
  Site,
} from './site.ts';

export type { Ingress, KubernetesDatabase, KubernetesSiteArgs, Platform } from './kubernetes-site/args.ts';

const clusterSuffix = 'cluster';

/**
 * A site in a Kubernetes cluster that is there.
 *
 * Creates by itself the provider that speaks to the cluster. Each plane adds a namespace of its own (restricted pod security,
 * network closed but for its flows) with its workloads, their accounts, configuration, Service and budgets; a control plane
 * also NATS with its volumes, two jobs of its birth and, if asked for, a PostgreSQL. Cost: what the cluster charges for the
 * requests, of a gateway 2 x 0.5 CPU and 384 MiB, of a control plane with NATS 2 x 0.25 and 3 x 0.3 CPU, 2.5 GiB and 60 GiB of disk,
 * and for a balancer a plane. Security: pods run as nobody, write to no disk but their volumes', and hold no right in the cluster; no
 * secret is in Pulumi's state.
 *
 * @example
 * const onprem = new KubernetesSite('onprem', {
 *   cluster: { kubeconfig: '/home/ops/.kube/onprem' },
 *   platform: 'generic',
 *   images: { gateway: 'registry.example.com/portolan-gateway@sha256:…' },
 *   ingress: { kind: 'load-balancer', addresses: { onprem: '203.0.113.10' } },
 *   egressCidrs: ['203.0.113.32/28'],
 *   upstreamCidrs: [{ cidr: '10.20.0.0/16', ports: [8080] }],
 *   serviceAccounts: { issuer: 'https://kubernetes.default.svc', jwks: { keys } },
 * });
 */
export class KubernetesSite extends ComponentResource implements Site, RuledSite {
  readonly name: string;
  readonly #plan: KubernetesSitePlan;
  readonly #cluster: Provider;
  readonly #authorities: string | undefined;
  readonly #namespaces = new Map<string, Resource>();
  readonly #planes: string[] = [];

  constructor(name: string, args: KubernetesSiteArgs, opts?: ComponentResourceOptions) {
    super('portolan:index:KubernetesSite', name, {}, opts);
    this.name = name;
    this.#plan = checkKubernetesSite(name, args);
    const { cluster, caFile } = this.#plan;
    this.#authorities = caFile === undefined ? undefined : readFileSync(caFile, 'utf8');
    this.#cluster = new Provider(
      `${name}-${clusterSuffix}`,
      { ...cluster, enableServerSideApply: true, enableConfigMapMutable: true, upsertExistingObjects: true },
      { parent: this },
    );
    this.registerOutputs({ platform: this.#plan.platform });
  }

  placeControlPlane(plane: ControlPlaneAddress): ControlPlanePlace {
    this.#expectCertificate(plane);
    this.#expectReachable(plane);
    expectControlPlaneParts(this.name, this.#plan);
    const { port } = ingressOf(this.name, this.#plan, plane);
    const natsPort = this.#plan.ingress.kind === 'node-port' ? port + 1 : ports.nats;
    const natsUrl = `tls://${new URL(plane.url).hostname}:${natsPort}`;
    return controlPlanePlace(this.#plan, plane, { natsUrl, audience: audienceOf(plane) });
  }

  placeGateway(plane: PlaneAddress): GatewayPlace {
    this.#expectCertificate(plane);
    this.#expectReachable(plane);
    ingressOf(this.name, this.#plan, plane);
    return gatewayPlace(this.#plan, plane, audienceOf(plane));
  }

  runControlPlane({ plane, config }: ControlPlaneRun, owner: ComponentResource): RunningControlPlane {
    const database = expectControlPlaneParts(this.name, this.#plan);
    const isOwn = database.kind === 'in-cluster';
    const on: ControlPlaneInCluster = {
      site: this.#plan,
      plane: plane.name,
      config,
      authorities: this.#authorities,
      tlsSecret: tlsSecretOf(plane.certificate),
      orders: plane.certificates && ordersOf(plane.certificates),
      isPublic: plane.callers === true,
      databaseUrl: isOwn ? `postgres://${databaseName}@postgres:${ports.postgres}/${databaseName}` : database.url,
      passwordSecret: isOwn ? secrets.database : database.passwordSecret,
    };
    const described = describe(controlPlaneNetwork, plane, this.name, this.#plan);
    const own = { host: new URL(plane.url).hostname, hasAuthorities: this.#authorities !== undefined };
    const nats = { ...on, ...own, audience: audienceOf(plane) };
    const made = this.#make(plane, owner, [...controlPlaneGround(on), ...natsGround(nats)], []);
    // its own rules name no address of its own: in its cluster it is known by selectors
    const planned = controlPlaneFlows(described(undefined));
    const rules = this.admit({ planned, known: output(planned) }, { name: plane.name, component: owner });
    const ground = [...made, ...rules];
    const birth = this.#make(plane, owner, [birthJob(on)], ground);
    const data = isOwn ? this.#make(plane, owner, postgresManifests(on), [...ground, ...birth]) : [];
    const born = this.#make(plane, owner, [initJob(on)], [...ground, ...birth, ...data]);
    const servers = this.#make(plane, owner, controlPlaneServers(on), [...ground, ...born]);
    const door = this.#make(plane, owner, [controlPlaneDoor(on)], servers);
    const servants = this.#make(plane, owner, natsManifests(nats), [...ground, ...door]);
    const address = this.#address(plane, door);
    const { port } = ingressOf(this.name, this.#plan, plane);
    return {
      life: first(servers),
      ready: [...servers, ...door, ...servants],
      api: controlApi(this.#plan, plane, interpolate`${address}:${port}`),
      network: { planned: described(undefined), known: address.apply(described), rules: this },
    };
  }

  runGateway({ plane, place, config, control, after }: GatewayRun, owner: ComponentResource): RunningGateway {
    const on = {
      site: this.#plan,
      plane: plane.name,
      config,
      authorities: control.caFile === undefined ? undefined : readFileSync(control.caFile, 'utf8'),
      tlsSecret: tlsSecretOf(plane.certificate),
      isPublic: plane.callers === true,
      audience: audienceOf(plane),
      drainDelayMs: place.drainDelayMs,
      drainTimeoutMs: place.drainTimeoutMs,
    };
    const described = describe(gatewayNetwork, plane, this.name, this.#plan);
    const made = this.#make(plane, owner, gatewayGround(on), []);
    const rules = this.#open(described(undefined), control.network, { name: plane.name, component: owner });
    const servers = this.#make(plane, owner, gatewayServers(on), [...made, ...rules, ...after]);
    const known = this.#address(plane, servers).apply(described);
    return { life: first(servers), network: { planned: described(undefined), known, rules: this } };
  }

  /** What lets a gateway and its control plane find each other, at both ends. Its own address is in none of it. */
  #open(
    gateway: GatewayNetwork,
    control: Networked<ControlPlaneNetwork> | undefined,
    owner: RuleOwner,
  ): readonly Resource[] {
    if (control === undefined)
      throw new ArgumentError(
        `GatewayPlane(${owner.name}).control`,
        'runs where no rules are; a gateway in Kubernetes needs one whose addresses are known.',
      );
    const flows = {
      planned: gatewayFlows(gateway, control.planned),
      known: control.known.apply((known) => gatewayFlows(gateway, known)),
    };
    return [...new Set([this, control.rules])].flatMap((rules) => rules.admit(flows, owner));
  }

  admit({ planned, known }: PlannedFlows, owner: RuleOwner): readonly Resource[] {
    return networkPolicies(planned, this.name).map((policy) => {
      const { name, namespace } = policy.metadata;
      const spec = known.apply((flows) => specOf(networkPolicies(flows, this.name), policy));
      const labels = { ...this.#plan.labels, ...policy.metadata.labels };
      const object = { ...policy, metadata: { ...policy.metadata, labels }, spec };
      // the namespace is another plane's where the far end of a flow is opened
      const dependsOn = [this.#namespaces.get(namespace) ?? []].flat();
      const opts = { parent: owner.component, provider: this.#cluster, dependsOn };
      return make(owner.name, manifest('NetworkPolicy', name, object), this.#plan, opts);
    });
  }

  /** What a namespace holds comes after it, and a Service after all before it in the list: Pulumi waits until it has found pods. */
  #make(
    plane: PlaneAddress,
    owner: ComponentResource,
    manifests: readonly Manifest[],
    after: readonly Resource[],
  ): readonly Resource[] {
    const made: Resource[] = [];
    for (const one of manifests) {
      const dependsOn = [...after, ...(one.kind === 'Service' ? made : made.slice(0, 1))];
      const opts = { parent: owner, provider: this.#cluster, dependsOn };
      const resource = make(plane.name, one, this.#plan, opts);
      if (one.kind === 'Namespace') this.#namespaces.set(namespaceOf(this.#plan.namespacePrefix, plane.name), resource);
      made.push(resource);
    }
    return made;
  }

  /** Under which the plane is dialled, from the arguments or from its balancer. */
  #address(plane: PlaneAddress, made: readonly Resource[]): Output<string> {
    const { address } = ingressOf(this.name, this.#plan, plane);
    if (address !== undefined) return output(address);
    const door = made.find((one): one is core.v1.Service => one instanceof core.v1.Service);
    if (door === undefined) throw new Error('a plane has a Service');
    return door.status.loadBalancer.apply(({ ingress: [given] = [] }) => {
      if (given?.ip) return given.ip;
      const gave = given?.hostname ? `gave the name "${given.hostname}"` : 'gave no address';
      throw new ArgumentError(
        `KubernetesSite(${this.name}).ingress.addresses`,
        `is needed: the balancer of ${plane.owner} ${gave}, and rules name addresses. Reserve one and write it there: ${plane.name}: ….`,
      );
    });
  }

  /** Planes of one cluster dial each other's public addresses: a cluster leads those of its own balancers back to its pods, and no others. */
  #expectReachable({ owner, name }: PlaneAddress): void {
    const [other] = this.#planes;
    this.#planes.push(name);
    if (other === undefined || this.#plan.ingress.kind === 'load-balancer') return;
    throw new ArgumentError(
      `${owner}.site`,
      `is the cluster of plane "${other}" too, and ingress of kind "${this.#plan.ingress.kind}" leads neither to the other from inside; give KubernetesSite(${this.name}) a load-balancer, or the plane a cluster of its own.`,
    );
  }

  #expectCertificate({ owner, certificate }: PlaneAddress): void {
    if (certificate !== undefined) return;
    throw new ArgumentError(
      `${owner}.certificate`,
      'is needed on a KubernetesSite: { secretRef: "<TLS secret in the namespace of the plane>" } or { acme: true }.',
    );
  }
}

interface RuleOwner {
  readonly name: string;
  readonly component: ComponentResource;
}

/** What flows must know of a plane, once the address is known under which it is dialled. */
const describe =
  <Network, Plane extends PlaneAddress>(
    as: (plane: Plane, on: Parameters<typeof gatewayNetwork>[1]) => Network,
    plane: Plane,
    name: string,
    plan: KubernetesSitePlan,
  ) =>
  (address: string | undefined): Network =>
    as(plane, { name, plan, address });

function ordersOf({ caFile, externalAccount, dns }: CertificateOrders): ControlPlaneInCluster['orders'] {
  return {
    tsigSecret: dns.rfc2136.key.secretRef,
    externalAccountSecret: externalAccount?.key.secretRef,
    authorities: caFile === undefined ? undefined : readFileSync(caFile, 'utf8'),
  };
}

/** Which policies there are never depends on addresses. */
function specOf(policies: readonly Policy[], { metadata }: Policy): Policy['spec'] {
  const found = policies.find(
    (one) => one.metadata.name === metadata.name && one.metadata.namespace === metadata.namespace,
  );
  if (found === undefined) throw new Error(`policy ${metadata.namespace}/${metadata.name} went with an address`);
  return found.spec;
}

/** Whom a plane's tokens are for: nobody else takes them. */
const audienceOf = ({ name }: PlaneAddress): string => `portolan:${name}`;

function first(resources: readonly Resource[]): Resource {
  const [one] = resources;
  if (one === undefined) throw new Error('a plane has servers');
  return one;
}
