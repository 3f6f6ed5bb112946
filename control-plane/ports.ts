/**
 * What the server and its routes need of identity, publisher and NATS, as interfaces: main.ts links them with what implements them.
 * Every method may throw `Problem` (problem.ts), which is answered as it is.
 */
import type { X509Certificate } from 'node:crypto';
import type { api, ServerState } from '@portolan/core';

/** The control plane's certificate in the mesh; renewed while we run. All PEM. */
export interface MeshCertificate {
  readonly key: string;
  /** Leaf first, then the issuing intermediate. */
  readonly certChain: string;
  /** Mesh roots: the only ones a client certificate is checked against. */
  readonly caBundle: readonly string[];
}

export interface MeshMaterial {
  current(): MeshCertificate;
  /** Calls back after each change; the answer ends that. */
  onChange(listener: () => void): () => void;
}

/** Who stands at the other end of a connection to the mesh name. The certificate proves nothing unless `authorized`. */
export interface MeshCaller {
  readonly certificate: X509Certificate;
  /** TLS verified chain, key usage and time. */
  readonly authorized: boolean;
  /** Why not: OpenSSL's code, as `CERT_HAS_EXPIRED`, which `renew` may forgive within `renewGrace`. */
  readonly authorizationError: string | undefined;
}

/** Enrolment and renewal: implemented by enrolment/. */
export interface Enrolling {
  /** A new one-time secret for an active gateway; its digest is stored. Problem `not_found`. */
  issue(gateway: string): Promise<api.Enrolment>;
  /** Problem `enrolment_refused`, `invalid_body` (CSR), `too_many_requests` (the same pod, a moment later). */
  enroll(body: api.EnrollBody): Promise<api.Identity>;
  /** Problem `certificate_refused`. */
  renew(caller: MeshCaller, body: api.RenewBody): Promise<api.Identity>;
  /** Name of the active gateway that a caller is; Problem `certificate_refused` for anyone else, expired ones included. */
  identify(caller: MeshCaller): Promise<string>;
}

/** Enrolment of NATS servers: implemented by nats/. */
export interface NatsServersEnrolling {
  /** Problem `enrolment_refused`, `invalid_body` (CSR), `not_found` where no pods are NATS servers. */
  enroll(body: api.NatsServerEnrollBody): Promise<api.NatsServerIdentity>;
  /** Problem `enrolment_refused`, `not_found` where no pods are NATS servers or the certificate is not ordered, `not_ready` before the first. */
  certificate(body: api.NatsServerCertificateBody): Promise<api.PublicPair>;
}

/** The published snapshots: implemented by publish/. */
export interface Snapshots {
  /** Newest compact JWS with its tables inline, if its revision is higher than `after`. */
  newer(gateway: string, after: number): Promise<string | undefined>;
}

/** The link to NATS: implemented by nats/. */
export interface NatsLink {
  readonly url: string;
  connected(): boolean;
}

/** What gateways last said of the MCP servers that they dial. */
export interface ServerStates {
  /** By replica; of replicas of `gateway` alone. */
  of(gateway: string, server: string): ReadonlyMap<string, ServerState>;
}
