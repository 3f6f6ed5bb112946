/**
 * A Kubernetes cluster as a site: planes run as its workloads, kept apart by namespaces and network rules. Any cluster will do;
 * what differs between platforms is in the arguments.
 */
import { readFileSync } from 'node:fs';
import { ArgumentError } from '@portolan/provider';
import { core, Provider } from '@pulumi/kubernetes';
import { ComponentResource, type ComponentResourceOptions, type Output, output, type Resource } from '@pulumi/pulumi';
import type { KubernetesSiteArgs } from './kubernetes-site/args.ts';
import { make } from './kubernetes-site/children.ts';
import {
  birthJob,
  type ControlPlaneInCluster,
  controlPlaneGround,
  controlPlaneServers,
  databaseName,
  gatewayManifests,
  initJob,
  type Manifest,
  natsManifests,
  postgresManifests,
} from './kubernetes-site/manifests/index.ts';
import { ports, secrets } from './kubernetes-site/names.ts';
import { controlApi, controlPlanePlace, gatewayPlace, tlsSecretOf } from './kubernetes-site/place.ts';
import {
  checkKubernetesSite,
  expectControlPlaneParts,
  ingressOf,
  type KubernetesSitePlan,
} from './kubernetes-site/validate.ts';
import type {
  ControlPlanePlace,
  ControlPlaneRun,
  GatewayPlace,
  GatewayRun,
  PlaneAddress,
  RunningControlPlane,
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
export class KubernetesSite extends ComponentResource implements Site {
  readonly name: string;
  readonly #plan: KubernetesSitePlan;
  readonly #cluster: Provider;
  readonly #authorities: string | undefined;

  constructor(name: string, args: KubernetesSiteArgs, opts?: ComponentResourceOptions) {
    super('portolan:index:KubernetesSite', name, {}, opts);
    this.name = name;
    this.#plan = checkKubernetesSite(name, args);
    const { cluster, caFile } = this.#plan;
    this.#authorities = caFile === undefined ? undefined : readFileSync(caFile, 'utf8');
    this.#cluster = new Provider(
      `${name}-${clusterSuffix}`,
      { ...cluster, enableServerSideApply: true },
      { parent: this },
    );
    this.registerOutputs({ platform: this.#plan.platform });
  }

  placeControlPlane(plane: PlaneAddress): ControlPlanePlace {
    this.#expectCertificate(plane);
    expectControlPlaneParts(this.name, this.#plan);
    const { port } = ingressOf(this.name, this.#plan, plane);
    const natsPort = this.#plan.ingress.kind === 'node-port' ? port + 1 : ports.nats;
    const natsUrl = `tls://${new URL(plane.url).hostname}:${natsPort}`;
    return controlPlanePlace(this.#plan, plane, { natsUrl, audience: audienceOf(plane) });
  }

  placeGateway(plane: PlaneAddress): GatewayPlace {
    this.#expectCertificate(plane);
    ingressOf(this.name, this.#plan, plane);
    return gatewayPlace(this.#plan, plane, audienceOf(plane));
  }

  runControlPlane({ plane, place, config }: ControlPlaneRun, owner: ComponentResource): RunningControlPlane {
    const database = expectControlPlaneParts(this.name, this.#plan);
    const isOwn = database.kind === 'in-cluster';
    const on: ControlPlaneInCluster = {
      site: this.#plan,
      plane: plane.name,
      config,
      authorities: this.#authorities,
      tlsSecret: tlsSecretOf(plane.certificate),
      databaseUrl: isOwn ? `postgres://${databaseName}@postgres:${ports.postgres}/${databaseName}` : database.url,
      passwordSecret: isOwn ? secrets.database : database.passwordSecret,
    };
    const ground = this.#make(plane, owner, controlPlaneGround(on), []);
    const [birth] = this.#make(plane, owner, [birthJob(on)], ground);
    const data = isOwn ? this.#make(plane, owner, postgresManifests(on), [...ground, ...only(birth)]) : [];
    const born = this.#make(plane, owner, [initJob(on)], [...ground, ...only(birth), ...data]);
    const servers = this.#make(plane, owner, controlPlaneServers(on), born);
    const nats = this.#make(
      plane,
      owner,
      natsManifests({
        ...on,
        servers: place.nats.servers ?? 1,
        hasAuthorities: this.#authorities !== undefined,
        audience: audienceOf(plane),
      }),
      servers,
    );
    const [life] = servers;
    if (life === undefined) throw new Error('a control plane has servers');
    return { life, ready: [...servers, ...nats], api: controlApi(this.#plan, plane, this.#dial(plane, ground)) };
  }

  runGateway({ plane, place, config, after }: GatewayRun, owner: ComponentResource): Resource {
    const on = {
      site: this.#plan,
      plane: plane.name,
      config,
      authorities: this.#authorities,
      tlsSecret: tlsSecretOf(plane.certificate),
      audience: audienceOf(plane),
      drainDelayMs: place.drainDelayMs,
      drainTimeoutMs: place.drainTimeoutMs,
    };
    const manifests = gatewayManifests(on);
    const isGround = ({ kind }: Manifest): boolean => kind !== 'Deployment';
    const ground = this.#make(plane, owner, manifests.filter(isGround), []);
    const [gateway] = this.#make(
      plane,
      owner,
      manifests.filter((one) => !isGround(one)),
      [...ground, ...after],
    );
    if (gateway === undefined) throw new Error('a gateway plane has a Deployment');
    return gateway;
  }

  /** In the order given; what a namespace holds comes after it. */
  #make(
    plane: PlaneAddress,
    owner: ComponentResource,
    manifests: readonly Manifest[],
    after: readonly Resource[],
  ): readonly Resource[] {
    const made: Resource[] = [];
    for (const manifest of manifests) {
      const dependsOn = [...after, ...made.slice(0, 1)];
      made.push(
        make(plane.name, manifest, this.#plan.transform, { parent: owner, provider: this.#cluster, dependsOn }),
      );
    }
    return made;
  }

  /** `host:port` of the plane, from the arguments or from its balancer. */
  #dial(plane: PlaneAddress, made: readonly Resource[]): Output<string> {
    const { address, port } = ingressOf(this.name, this.#plan, plane);
    if (address !== undefined) return output(`${address}:${port}`);
    const door = made.find((one): one is core.v1.Service => one instanceof core.v1.Service);
    if (door === undefined) throw new Error('a plane has a Service');
    return door.status.loadBalancer.apply(({ ingress: [first] = [] }) => `${first?.ip ?? first?.hostname}:${port}`);
  }

  #expectCertificate({ owner, certificate }: PlaneAddress): void {
    if (certificate !== undefined) return;
    throw new ArgumentError(
      `${owner}.certificate`,
      'is needed on a KubernetesSite: { secretRef: "<TLS secret in the namespace of the plane>" } or { acme: true }.',
    );
  }
}

/** Whom a plane's tokens are for: nobody else takes them. */
const audienceOf = ({ name }: PlaneAddress): string => `portolan:${name}`;

const only = (resource: Resource | undefined): readonly Resource[] => (resource === undefined ? [] : [resource]);
