/**
 * What a plane needs of the place where it runs. A plane asks first where it will be (`place…`: plain values, nothing is
 * made), writes its configuration from that, and hands the site what shall run. It never asks which site it is on.
 * A new cloud is one more class beside `LocalSite` that answers the same questions.
 */
import type { ReachRange, WorkloadIdentity } from '@portolan/core';
import type { ControlApiArgs } from '@portolan/provider';
import type { ComponentResource, Output, Resource } from '@pulumi/pulumi';
import type { ControlPlaneNetwork, Flow, GatewayNetwork } from '../flows/index.ts';

export interface Site {
  readonly name: string;
  /** Throws an ArgumentError for a URL, certificate or `certificates` that this site cannot serve. */
  readonly placeControlPlane: (plane: ControlPlaneAddress) => ControlPlanePlace;
  /** Throws an ArgumentError for a URL or certificate that this site cannot serve. */
  readonly placeGateway: (plane: PlaneAddress) => GatewayPlace;
  /** Database, birth, control plane and NATS, in this order, as children of `owner`. */
  readonly runControlPlane: (run: ControlPlaneRun, owner: ComponentResource) => RunningControlPlane;
  /** As a child of `owner`. */
  readonly runGateway: (run: GatewayRun, owner: ComponentResource) => RunningGateway;
}

/** A plane where rules decide who may connect to whom. */
export interface Networked<Network extends ControlPlaneNetwork | GatewayNetwork> {
  /** Without the addresses that only the cloud will know. */
  readonly planned: Network;
  readonly known: Output<Network>;
  /** Its site. */
  readonly rules: RuledSite;
}

/** A site that lets nothing pass but flows. */
export interface RuledSite {
  /** Makes the rules of those ends of the flows that lie here, as children of `owner`, whose name theirs begin with. */
  readonly admit: (
    flows: PlannedFlows,
    owner: { readonly name: string; readonly component: ComponentResource },
  ) => readonly Resource[];
}

/** The same flows twice: which there are is known before any address is. */
export interface PlannedFlows {
  readonly planned: readonly Flow[];
  readonly known: Output<readonly Flow[]>;
}

/** Who asks, and under which URL people will find it. */
export interface PlaneAddress {
  /** `GatewayPlane(aws)`: for errors. */
  readonly owner: string;
  readonly name: string;
  readonly url: string;
  /** Of its public name. Absent: the site makes one, where it can. */
  readonly certificate?: Certificate | undefined;
  /** Who may call it, beside the planes of its federation: `true` is everyone. Absent: nobody. */
  readonly callers?: true | readonly string[] | undefined;
  /** Namespaces of its cluster whose pods may call it too. */
  readonly callerNamespaces?: readonly string[] | undefined;
}

export interface ControlPlaneAddress extends PlaneAddress {
  /** What it orders public certificates with; absent: it orders none. */
  readonly certificates?: CertificateOrders | undefined;
}

/** How a control plane orders public certificates by ACME (docs/certificates.md), and the addresses that it may connect to for that. */
export interface CertificateOrders {
  /** URL of the ACME directory, `https`. */
  readonly directory: string;
  /** Networks of the directory. */
  readonly directoryCidrs: readonly string[];
  /** Address at which the CA reaches you. @default none */
  readonly email?: string | undefined;
  /** You agree to the terms of service of the CA. */
  readonly termsOfServiceAgreed: true;
  /** PEM on the machine of the engine: authorities of the directory's own https. @default the system's */
  readonly caFile?: string | undefined;
  /** Binds the account to one that you have with the CA. @default none */
  readonly externalAccount?: { readonly keyId: string; readonly key: SecretKey } | undefined;
  readonly dns: {
    /** Dynamic updates, signed by TSIG. */
    readonly rfc2136: {
      /** The primary server of the zone, `host` or `host:port`. */
      readonly server: string;
      readonly zone: string;
      readonly keyName: string;
      /** @default 'hmac-sha256' */
      readonly algorithm?: 'hmac-sha256' | 'hmac-sha512' | undefined;
      readonly key: SecretKey;
    };
    /** Networks of `server`, of the other name servers of the zone, and of `resolvers`. */
    readonly cidrs: readonly string[];
    /** DNS servers, `host` or `host:port`, that are asked where `_acme-challenge` names lead to. @default the site's */
    readonly resolvers?: readonly string[] | undefined;
  };
}

/** A Secret of the plane's namespace whose key `key` holds it. */
export interface SecretKey {
  readonly secretRef: string;
}

/** Where the certificate of a public name comes from: a TLS secret of the plane's namespace, or the control plane's ACME client. */
export type Certificate = { readonly secretRef: string } | { readonly acme: true };

/** `host:port` of each listener. */
export interface Listeners {
  readonly tls: string;
  /** A plain HTTP door; only where nobody but this machine reaches it. */
  readonly insecureLoopback?: string;
  readonly health: string;
  readonly metrics: string;
}

/** PEM files of a public name. */
export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** Paths are as the gateway sees them. */
export interface GatewayPlace {
  readonly listen: Listeners;
  /** Files that are there, or `acme`: the control plane delivers it. */
  readonly certificate: CertificateFiles | 'acme';
  readonly configFile: string;
  readonly dataDir: string;
  /** Where it finds the authorities of the control plane's public name, if the system's do not do. */
  readonly authoritiesFile: (control: { readonly caFile?: string | undefined }) => string | undefined;
  readonly enrolment: Enrolment;
  /** Networks, and ports in them, in which its MCP servers may be dialled. */
  readonly upstreamCidrs: readonly ReachRange[];
  /** How long the site's balancer takes to notice that a gateway is not ready; 0 where there is none. Milliseconds. */
  readonly drainDelayMs: number;
  /** How long open calls may go on after that: together less than the site waits. Milliseconds. */
  readonly drainTimeoutMs: number;
}

/** How a gateway proves who it is the first time. */
export type Enrolment =
  | {
      readonly by: 'secret';
      /** Where its one-time secret is put. */
      readonly enrolmentFile: string;
      /** Where it keeps its identity. */
      readonly identityFile: string;
    }
  | {
      readonly by: 'workload';
      readonly workloadIdentity: WorkloadIdentity;
      readonly serviceAccountTokenFile: string;
    };

/** Paths are as the control plane sees them, but for `caFile`: that is on the machine of the engine. */
export interface ControlPlanePlace {
  readonly listen: Listeners;
  /** Made at its birth for these names, or files that are there, or ordered. */
  readonly siteCertificate:
    | { readonly hosts: readonly string[] }
    | (CertificateFiles & { readonly caFile?: string })
    | { readonly acme: true; readonly caFile?: string };
  /** Where it finds what it orders certificates with; absent: it orders none. */
  readonly orderFiles?: OrderFiles | undefined;
  /** PEM of the CA that others verify it with; absent: the system's. */
  readonly caFile?: string | undefined;
  readonly configFile: string;
  readonly dataDir: string;
  readonly nats: NatsPlace;
  /** Where its keys are kept. Absent: as files in `dataDir`. */
  readonly keys?: { readonly in: 'database'; readonly kekFile: string } | undefined;
  /** Secrets that its birth makes through the API of the cluster that it runs in. */
  readonly kubernetes?: KubernetesSecrets | undefined;
}

export interface OrderFiles {
  readonly tsigKeyFile: string;
  readonly externalAccountKeyFile: string;
  readonly caFile: string;
}

export interface KubernetesSecrets {
  readonly kekSecret: string;
  readonly adminTokenSecret: string;
  /** Absent: the database and its password are there already. */
  readonly databaseSecret?:
    | {
        readonly name: string;
        readonly host: string;
        readonly port: number;
        readonly user: string;
        readonly database: string;
      }
    | undefined;
}

export interface NatsPlace {
  /** Where gateways dial it. */
  readonly publicUrl: string;
  /** What the control plane must know of it: the section `nats` of its configuration. */
  readonly config: NatsConfig;
}

export interface NatsConfig {
  /** Where the control plane dials it. */
  readonly url: string | readonly string[];
  /** Name that the servers' certificate carries, where `url` names them otherwise. */
  readonly tlsName?: string | undefined;
  /** @default 1 */
  readonly servers?: 1 | 3 | undefined;
  readonly listen: string;
  readonly monitor: string;
  /** Where the control plane's birth writes the servers' configuration; absent: agents do. */
  readonly storeDir?: string | undefined;
  /** Whose pods are those agents. */
  readonly workloadIdentity?: WorkloadIdentity | undefined;
  /** Host name that each server's name ends with, where there are agents. */
  readonly clusterHost?: string | undefined;
}

export interface ControlPlaneRun {
  readonly plane: ControlPlaneAddress;
  readonly place: ControlPlanePlace;
  /** The file that it reads at `place.configFile`. No secrets. */
  readonly config: string;
}

export interface RunningControlPlane {
  /** The control plane itself, ready: what is registered in it ends with it. */
  readonly life: Resource;
  /** Ready once a gateway can connect. */
  readonly ready: readonly Resource[];
  /** How `pulumi up` finds its API and the admin token that its birth made. */
  readonly api: ControlApiArgs;
  /** Absent where no rules are. */
  readonly network?: Networked<ControlPlaneNetwork> | undefined;
}

export interface GatewayRun {
  readonly plane: PlaneAddress;
  readonly place: GatewayPlace;
  /** The file that it reads at `place.configFile`. No secrets. */
  readonly config: string;
  readonly control: {
    /** PEM on the machine of the engine, which the gateway reads at `place.authoritiesFile`. */
    readonly caFile?: string | undefined;
    readonly network?: Networked<ControlPlaneNetwork> | undefined;
  };
  /** Started after these are ready. */
  readonly after: readonly Resource[];
}

export interface RunningGateway {
  /** Ready. */
  readonly life: Resource;
  /** Absent where no rules are. */
  readonly network?: Networked<GatewayNetwork> | undefined;
}
