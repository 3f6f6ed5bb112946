/**
 * Every name that both planes derive: identifiers, SPIFFE IDs, mesh names, NATS subjects.
 * Ids are the only thing that ever enters a NATS subject or a certificate, so their grammar is narrow and checked at each door.
 */
import { z } from 'zod';

/** `a-z`, `0-9` and inner hyphens, 1–63 characters: a DNS label, a NATS token, a SPIFFE path segment, all at once. */
export const Name = z
  .string()
  .regex(
    /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/,
    'expected 1–63 of a-z, 0-9 and -, starting and ending with a letter or digit',
  );
export type Name = z.infer<typeof Name>;

/** Name of the control plane in the mesh; no gateway may take it. */
export const CONTROL = 'control';

/** A gateway's name: a `Name` that is not reserved. */
export const GatewayName = Name.refine((name) => name !== CONTROL, `"${CONTROL}" is the control plane's name`);

/** TLS server name (SNI) of a plane inside the mesh; never resolved by DNS. `plane` is a gateway's name or `control`. */
export const meshName = (plane: string, federation: string): string => `${plane}.${federation}.mesh.internal`;

/** SPIFFE ID of a gateway (SPIFFE-ID §2): trust domain = federation. */
export const gatewaySpiffeId = (federation: string, gateway: string): string =>
  `spiffe://${federation}/gateway/${gateway}`;

/** SPIFFE ID of the control plane. */
export const controlSpiffeId = (federation: string): string => `spiffe://${federation}/control`;

/** SPIFFE ID of a NATS server. */
export const natsSpiffeId = (federation: string, server: string): string => `spiffe://${federation}/nats/${server}`;

/** The gateway that a SPIFFE ID names in this federation, or undefined: for another trust domain, path or spelling. */
export function gatewayOfSpiffeId(federation: string, id: string): string | undefined {
  const prefix = gatewaySpiffeId(federation, '');
  if (!id.startsWith(prefix)) return undefined;
  const name = GatewayName.safeParse(id.slice(prefix.length));
  return name.success ? name.data : undefined;
}

/** NATS subjects and streams. A gateway may publish under its own name only; see docs/architecture.md "NATS". */
export const subjects = {
  /** Last-value snapshot of a gateway (stream `CFG`, republished to `push.<gateway>.snapshot`). */
  snapshot: (gateway: string) => `cfg.${gateway}.snapshot`,
  /** One content-addressed part of a snapshot that outgrew one message. */
  snapshotPart: (gateway: string, sha256: string) => `cfg.${gateway}.part.${sha256}`,
  /** Where the stream republishes snapshots; what a gateway subscribes to. */
  pushed: (gateway: string) => `push.${gateway}.>`,
  pushedSnapshot: (gateway: string) => `push.${gateway}.snapshot`,
  /** Watermark of the ledger: audit records up to it are in PostgreSQL. */
  watermark: (gateway: string) => `push.${gateway}.ack`,
  /** Audit records of a gateway (stream `AUDIT`). */
  audit: (gateway: string) => `audit.${gateway}.records`,
  /** Applied revision and digest, every 10 s and at each change (core NATS). */
  report: (gateway: string) => `rpc.${gateway}.report`,
  /** Cumulative counters, every 10 s (core NATS). */
  metrics: (gateway: string) => `rpc.${gateway}.metrics`,
  /** State of the MCP servers that it dials, after each probe, and all of them every 30 s (core NATS). */
  servers: (gateway: string) => `rpc.${gateway}.servers`,
  /** Reply inbox of a gateway. */
  inbox: (gateway: string) => `_INBOX.${gateway}`,
} as const;

export const streams = { config: 'CFG', audit: 'AUDIT' } as const;
