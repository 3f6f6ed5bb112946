/**
 * What a platform adds to a cluster: volumes for claims, addresses for load balancers, extensions. A loop over the API, as
 * the platforms' own controllers are. What is wrong for the platform stays pending, and an Event beside it says why.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { absent, type KubeApi, type KubeObject, Refused } from './api.ts';
import { monitoringDefinitions } from './extensions.ts';

export interface SiteArgs {
  /** StorageClasses that exist from the start. Default: `standard`. */
  readonly storageClasses?: readonly StorageClass[];
  /** `none`: the platform has no load balancers. Default: any Service, addresses from 203.0.113.0/24. */
  readonly loadBalancers?: LoadBalancers | 'none';
  /** Kinds of monitoring.coreos.com: PrometheusRule, PodMonitor. Default: none. */
  readonly monitoring?: boolean;
}

export interface StorageClass {
  readonly name: string;
  /** Default `stand-in.portolan.dev`. */
  readonly provisioner?: string;
  /** Default `WaitForFirstConsumer`. */
  readonly volumeBindingMode?: 'Immediate' | 'WaitForFirstConsumer';
  readonly isDefault?: boolean;
}

export interface LoadBalancers {
  /** The `spec.loadBalancerClass` that this platform serves; absent: Services that name none. */
  readonly class?: string;
  /** Addresses that it may give, in order. Default 203.0.113.10 to .29. */
  readonly pool?: readonly string[];
  /** Annotation that asks for an address, beside `spec.loadBalancerIP`. */
  readonly addressAnnotation?: string;
  /** Annotations without which a Service is wrong here, and their values. */
  readonly requiredAnnotations?: Readonly<Record<string, string>>;
  /** Answers why a Service is wrong here, or undefined. */
  readonly refuse?: (service: KubeObject) => string | undefined;
}

export interface SiteStandIn {
  stop(): Promise<void>;
}

const pollMs = 150;
const defaultPool = Array.from({ length: 20 }, (_, at) => `203.0.113.${10 + at}`);

interface Claim extends KubeObject {
  readonly spec: {
    storageClassName?: string;
    volumeName?: string;
    accessModes: string[];
    resources: { requests: object };
  };
  readonly status?: { phase?: string };
}

interface Service extends KubeObject {
  readonly spec: { type?: string; loadBalancerClass?: string; loadBalancerIP?: string };
  readonly status?: { loadBalancer?: { ingress?: { ip?: string }[] } };
}

export async function startSite(api: KubeApi, args: SiteArgs): Promise<SiteStandIn> {
  for (const one of args.storageClasses ?? [{ name: 'standard', isDefault: true }]) await makeStorageClass(api, one);
  if (args.monitoring) await installMonitoring(api);
  const loop = new SiteLoop(api, args);
  const running = loop.run();
  return {
    stop: () => {
      loop.stopping.abort();
      return running;
    },
  };
}

class SiteLoop {
  readonly stopping = new AbortController();
  readonly #api: KubeApi;
  readonly #args: SiteArgs;
  /** What has been said of which object already: once is enough. */
  readonly #said = new Map<string, string>();

  constructor(api: KubeApi, args: SiteArgs) {
    this.#api = api;
    this.#args = args;
  }

  async run(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      // an object that changed or went meanwhile comes again in the next round
      await this.#round().catch(() => {});
      await delay(pollMs, undefined, { signal: this.stopping.signal }).catch(() => {});
    }
  }

  async #round(): Promise<void> {
    await this.#bindClaims();
    await this.#reclaimVolumes();
    if (this.#args.loadBalancers !== 'none') await this.#serveBalancers(this.#args.loadBalancers ?? {});
  }

  async #bindClaims(): Promise<void> {
    const claims = await this.#api.list<Claim>('/api/v1/persistentvolumeclaims');
    const pending = claims.filter(({ status, spec }) => status?.phase === 'Pending' && !spec.volumeName);
    if (pending.length === 0) return;
    const classes = await this.#api.list<KubeObject & { volumeBindingMode?: string }>(
      '/apis/storage.k8s.io/v1/storageclasses',
    );
    for (const claim of pending) {
      const wanted = claim.spec.storageClassName;
      const found = classes.find(({ metadata }) => metadata.name === wanted);
      if (found === undefined) {
        await this.#say(claim, 'ProvisioningFailed', `there is no StorageClass "${wanted ?? ''}" in this cluster`);
      } else if (
        found.volumeBindingMode !== 'WaitForFirstConsumer' ||
        claim.metadata.annotations?.['volume.kubernetes.io/selected-node']
      ) {
        await this.#provision(claim);
      }
    }
  }

  /** A claim that went takes its volume along, as its StorageClass says. */
  async #reclaimVolumes(): Promise<void> {
    const path = '/api/v1/persistentvolumes';
    const volumes = await this.#api.list<KubeObject & { readonly status?: { readonly phase?: string } }>(path);
    for (const { metadata, status } of volumes)
      if (status?.phase === 'Released') await this.#api.ask('DELETE', `${path}/${metadata.name}`).catch(absent);
  }

  async #provision(claim: Claim): Promise<void> {
    const { name, namespace = '', uid = '' } = claim.metadata;
    const volume = {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name: `pvc-${uid}`, annotations: { 'pv.kubernetes.io/provisioned-by': 'stand-in.portolan.dev' } },
      spec: {
        accessModes: claim.spec.accessModes,
        capacity: claim.spec.resources.requests,
        storageClassName: claim.spec.storageClassName,
        persistentVolumeReclaimPolicy: 'Delete',
        claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', name, namespace, uid },
        csi: { driver: 'stand-in.portolan.dev', volumeHandle: uid },
      },
    };
    await this.#api.ask('POST', '/api/v1/persistentvolumes', { body: volume }).catch(alreadyThere);
  }

  async #serveBalancers(args: LoadBalancers): Promise<void> {
    const services = await this.#api.list<Service>('/api/v1/services');
    const balancers = services.filter(({ spec }) => spec.type === 'LoadBalancer');
    const given = new Set(balancers.flatMap(({ status }) => status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip));
    for (const one of balancers.filter(({ status }) => status?.loadBalancer?.ingress === undefined)) {
      const answer = addressFor(one, args, given);
      if ('why' in answer) {
        await this.#say(one, 'SyncLoadBalancerFailed', answer.why);
        continue;
      }
      given.add(answer.ip);
      const { name, namespace } = one.metadata;
      await this.#api.ask('PATCH', `/api/v1/namespaces/${namespace}/services/${name}/status`, {
        body: { status: { loadBalancer: { ingress: [{ ip: answer.ip }] } } },
        contentType: 'application/merge-patch+json',
      });
    }
  }

  async #say(about: KubeObject, reason: string, message: string): Promise<void> {
    const { name, namespace = 'default', uid = '' } = about.metadata;
    if (this.#said.get(uid) === message) return;
    const now = new Date().toISOString();
    const event = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { generateName: `${name}-`, namespace },
      involvedObject: { apiVersion: about.apiVersion ?? 'v1', kind: kindOf(about), name, namespace, uid },
      ...{ type: 'Warning', reason, message, count: 1, firstTimestamp: now, lastTimestamp: now },
      source: { component: 'site-stand-in' },
    };
    await this.#api.ask('POST', `/api/v1/namespaces/${namespace}/events`, { body: event });
    this.#said.set(uid, message);
  }
}

/** Items of a list carry no kind. */
const kindOf = (one: KubeObject): string =>
  'accessModes' in (one.spec as object) ? 'PersistentVolumeClaim' : 'Service';

/** Pure: which address a Service gets here, or why none. */
export function addressFor(
  service: KubeObject,
  args: LoadBalancers,
  given: ReadonlySet<string | undefined>,
): { ip: string } | { why: string } {
  const spec = service.spec as Service['spec'];
  const annotations = service.metadata.annotations ?? {};
  if (spec.loadBalancerClass !== args.class)
    return {
      why: `spec.loadBalancerClass is ${spec.loadBalancerClass ?? 'absent'}; this platform serves ${args.class ?? 'Services without one'}`,
    };
  for (const [key, value] of Object.entries(args.requiredAnnotations ?? {}))
    if (annotations[key] !== value)
      return { why: `annotation ${key} is ${annotations[key] ?? 'absent'}; expected ${value}` };
  const why = args.refuse?.(service);
  if (why !== undefined) return { why };
  const pool = args.pool ?? defaultPool;
  const asked = (args.addressAnnotation && annotations[args.addressAnnotation]) || spec.loadBalancerIP;
  if (asked === undefined || asked === '') {
    const ip = pool.find((one) => !given.has(one));
    return ip === undefined ? { why: 'no address is left' } : { ip };
  }
  if (!pool.includes(asked)) return { why: `address ${asked} is not of this platform; it has ${pool.join(', ')}` };
  return given.has(asked) ? { why: `address ${asked} is another Service's` } : { ip: asked };
}

async function makeStorageClass(api: KubeApi, one: StorageClass): Promise<void> {
  const annotations = one.isDefault ? { 'storageclass.kubernetes.io/is-default-class': 'true' } : {};
  const body = {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name: one.name, annotations },
    provisioner: one.provisioner ?? 'stand-in.portolan.dev',
    volumeBindingMode: one.volumeBindingMode ?? 'WaitForFirstConsumer',
  };
  await api.ask('POST', '/apis/storage.k8s.io/v1/storageclasses', { body });
}

async function installMonitoring(api: KubeApi): Promise<void> {
  const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
  for (const body of monitoringDefinitions) await api.ask('POST', path, { body });
  const deadline = Date.now() + 30_000;
  for (const { metadata } of monitoringDefinitions) {
    for (;;) {
      const found = await api.find<{ status?: { conditions?: { type: string; status: string }[] } }>(
        `${path}/${metadata.name}`,
      );
      if (found?.status?.conditions?.some(({ type, status }) => type === 'Established' && status === 'True')) break;
      if (Date.now() > deadline) throw new Error(`${metadata.name} is not established within 30 s`);
      await delay(100);
    }
  }
}

function alreadyThere(error: unknown): void {
  if (!(error instanceof Refused && error.status.code === 409)) throw error;
}
