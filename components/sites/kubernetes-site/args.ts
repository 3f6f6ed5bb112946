/** Arguments of a KubernetesSite. */
import type { ReachRange, WorkloadIdentity } from '@portolan/core';
import type { GatewayImage } from '../../gateway-image/component.ts';
import type { Ingress, Transforms } from './manifests/index.ts';

export type { Ingress } from './manifests/index.ts';

/** How the cluster resolves names and gives pods an identity of its cloud; `generic`: CoreDNS, and none. */
export type Platform = 'generic' | 'eks' | 'aks' | 'gke';

export interface KubernetesSiteArgs {
  /** The cluster, by a kubeconfig file on the machine of the engine: absolute. State holds its path only. */
  readonly cluster: {
    readonly kubeconfig: string;
    /** @default the file's current context */
    readonly context?: string | undefined;
  };
  readonly platform: Platform;
  /**
   * `production`: two replicas and more of everything, three NATS servers, images by digest. `development`: one of each, images
   * by tag are allowed. Changing it keeps addresses and data but for NATS's streams.
   * @default 'production'
   */
  readonly tier?: 'production' | 'development' | undefined;
  readonly images: {
    readonly gateway: string | GatewayImage;
    /** Needed where a control plane runs. */
    readonly controlPlane?: string | undefined;
    /** nats-server 2.15. Needed where a control plane runs. */
    readonly nats?: string | undefined;
    /** PostgreSQL >= 15. Needed for a database in the cluster. */
    readonly postgres?: string | undefined;
  };
  readonly ingress: Ingress;
  /** Addresses from which the world, and the other sites, see what leaves this one. Without overlap with other sites'. */
  readonly egressCidrs: readonly string[];
  /** Networks, and ports in them, in which gateways of this site may dial MCP servers. */
  readonly upstreamCidrs: readonly ReachRange[];
  /** Namespaces of the cluster with MCP servers, and their pods' ports, beside `upstreamCidrs`: networks do not always match pods. @default none */
  readonly upstreamNamespaces?:
    | readonly { readonly namespace: string; readonly ports: readonly number[] }[]
    | undefined;
  /**
   * The API of the cluster, as its pods reach it: `kubectl get endpoints kubernetes`. Needed where a control plane runs, whose birth
   * makes Secrets.
   */
  readonly apiServer?: { readonly cidrs: readonly string[]; readonly port: number } | undefined;
  /** From where balancers ask for the health of pods. @default only kubelets ask */
  readonly balancerCidrs?: readonly string[] | undefined;
  /** Namespace of what reads metrics. @default nobody may */
  readonly scrapers?: string | undefined;
  /** AKS: addresses of the login endpoint, where pods exchange their tokens. @default none */
  readonly loginCidrs?: readonly string[] | undefined;
  /** For the volumes of NATS and of a database in the cluster. Needed where a control plane runs. */
  readonly storageClass?: string | undefined;
  /**
   * Who signs the tokens of the cluster's service accounts: `kubectl get --raw /.well-known/openid-configuration` and `/openid/v1/jwks`. The control
   * plane fetches keys at a `url` itself: `jwksCidrs` are the networks in which it is.
   */
  readonly serviceAccounts: Pick<WorkloadIdentity, 'issuer' | 'jwks'> & {
    readonly jwksCidrs?: readonly string[] | undefined;
  };
  /** Needed where a control plane runs. */
  readonly database?: KubernetesDatabase | undefined;
  /** PEM on the machine of the engine: authorities of the public names of planes. @default the system's */
  readonly caFile?: string | undefined;
  /** On the machine of the engine: the admin token, once it was taken from the Secret that the birth made. @default that Secret */
  readonly adminTokenFile?: string | undefined;
  /** `prometheus-operator`: PodMonitors and PrometheusRules are made; its CRDs must be there. @default 'none' */
  readonly monitoring?: 'prometheus-operator' | 'none' | undefined;
  /** Namespaces are `<prefix>-<plane>`. Give each federation in one cluster its own. @default 'portolan' */
  readonly namespacePrefix?: string | undefined;
  /** On every object, beside our own. @default none */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** Last word on objects, by Kubernetes kind: is given the object and which child it is, answers what is applied. @default none */
  readonly transform?: Transforms | undefined;
}

export type KubernetesDatabase =
  | {
      /** For development: one pod, one volume, no backup. */
      readonly kind: 'in-cluster';
    }
  | {
      readonly kind: 'given';
      /** `postgres://user@host:port/database`, without a password. */
      readonly url: string;
      /** Secret in the control plane's namespace whose key `pgpass` is libpq's password file. */
      readonly passwordSecret: string;
      /** Where it is. */
      readonly cidrs: readonly string[];
    };
