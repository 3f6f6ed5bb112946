/**
 * What a plane needs of the place where it runs. A plane asks first where it will be (`place…`: plain values, nothing is
 * made), writes its configuration from that, and hands the site a workload to run. It never asks which site it is on.
 * A new cloud is one more class beside `LocalSite` that answers the same questions.
 */
import type { ReachRange } from '@portolan/core';
import type { ComponentResource, Input, Resource } from '@pulumi/pulumi';

export interface Site {
  readonly name: string;
  /** Throws an ArgumentError for a URL that this site cannot serve. */
  readonly placeControlPlane: (plane: PlaneAddress) => ControlPlanePlace;
  /** Throws an ArgumentError for a URL that this site cannot serve. */
  readonly placeGateway: (plane: PlaneAddress) => GatewayPlace;
  /** The PostgreSQL of the control plane that `owner` is. */
  readonly database: (owner: ComponentResource) => Database;
  /** Runs it as a child of `owner`. The answer stands for the workload: it is there once the workload is ready. */
  readonly run: (workload: Workload, owner: ComponentResource) => Resource;
}

/** Who asks, and under which URL people will find it. */
export interface PlaneAddress {
  /** `GatewayPlane(aws)`: for errors. */
  readonly owner: string;
  readonly name: string;
  readonly url: string;
}

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

export interface GatewayPlace {
  readonly listen: Listeners;
  readonly certificate: CertificateFiles;
  readonly configFile: string;
  readonly dataDir: string;
  /** Where its one-time enrolment is put; absent where the site has another proof of who it is. */
  readonly enrolmentFile?: string | undefined;
  /** Where it keeps its identity, if the engine can see that. */
  readonly identityFile?: string | undefined;
  /** Networks, and ports in them, in which its MCP servers may be dialled. */
  readonly upstreamCidrs: readonly ReachRange[];
  /** How long the site's balancer takes to notice that a gateway is not ready; 0 where there is none. Milliseconds. */
  readonly drainDelayMs: number;
  /** How long open calls may go on after that: together less than the site waits. Milliseconds. */
  readonly drainTimeoutMs: number;
}

export interface ControlPlanePlace {
  readonly listen: Listeners;
  /** Made at its birth for these names, or files that are there. */
  readonly siteCertificate: { readonly hosts: readonly string[] } | (CertificateFiles & { readonly caFile: string });
  /** PEM of the CA that others verify it with; absent: the system's. */
  readonly caFile?: string | undefined;
  readonly configFile: string;
  readonly dataDir: string;
  /** Written at its birth. */
  readonly adminTokenFile: string;
  readonly nats: NatsPlace;
}

export interface NatsPlace {
  readonly url: string;
  readonly listen: string;
  readonly monitor: string;
  readonly storeDir: string;
  /** Written by the control plane at its birth. */
  readonly configFile: string;
}

/** No password is in `url`: it is in `passFile` (libpq's format), or the cloud's token takes its place. */
export interface Database {
  readonly url: Input<string>;
  readonly passFile?: Input<string> | undefined;
  readonly ready: readonly Resource[];
}

/** Which of our programs: a bundle on a machine, an image in a cluster. */
export type Program = 'control-plane' | 'gateway' | 'nats-server';

export interface Workload {
  readonly name: string;
  readonly program: Program;
  readonly args: readonly string[];
  /** Arguments of runs of the same program that must end well before each start; idempotent. */
  readonly prepare?: readonly (readonly string[])[] | undefined;
  /** Non-secret configuration, put where the program reads it. */
  readonly config?: { readonly path: string; readonly content: Input<string> };
  /** Files with secrets that others write and only this program may read. */
  readonly secretFiles: readonly string[];
  /** No secrets. */
  readonly env?: Readonly<Record<string, Input<string>>> | undefined;
  /** `host:port` by what it is for. */
  readonly ports: Readonly<Record<string, string>>;
  /** Answers a GET with 2xx once it can serve. */
  readonly health: { readonly listen: string; readonly path: string };
  /** Started after these are ready. */
  readonly after: readonly Resource[];
}
