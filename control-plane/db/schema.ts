/**
 * The tables as kysely sees them; db/migrations is the truth, and a test compares the two.
 * Timestamps come as Date (millisecond precision), bigints as numbers (connect.ts), bytea as Buffer.
 */
import type { ServerSettings, WorkloadIdentity } from '@portolan/core';
import type { Generated, GeneratedAlways, JSONColumnType } from 'kysely';

interface Stamps {
  created_at: Generated<Date>;
  updated_at: Generated<Date>;
}

export interface GatewaysTable extends Stamps {
  name: string;
  url: string;
  /** `host:port` where peers reach it. */
  dial: string;
  description: string | null;
  status: Generated<'active' | 'retired'>;
  min_issued_at: Generated<Date>;
  /** Where its public certificate comes from; null: from files of its own. */
  certificate: 'acme' | null;
  workload_identity: JSONColumnType<WorkloadIdentity | null, string | null | undefined, string | null>;
}

export interface GatewayReplicasTable {
  gateway: string;
  /** RFC 7638 thumbprint of the replica's sealing key. */
  replica: string;
  seal_jwk: JSONColumnType<{ kty: 'EC'; crv: 'P-256'; x: string; y: string }>;
  /** Public nkey `U…`. */
  nkey: string;
  /** Serial number of its newest certificate, hex. */
  certificate_serial: string;
  certificate_not_after: Date;
  enrolled_at: Generated<Date>;
  renewed_at: Date | null;
  /** Set when the gateway is retired; the nkey must stay refused. */
  revoked_at: Date | null;
  /** Last `GatewayReport`. */
  report: JSONColumnType<Record<string, unknown> | null, string | null, string | null>;
  reported_at: Date | null;
  /** Uid of the pod by whose token it enrolled. */
  pod_uid: string | null;
  /** `workloadName` of what that token had to show. */
  workload: string | null;
  /** Set when other keys of its pod, or other pods, took its place. */
  left_at: Date | null;
  /** `keysName` of its keys; null until it has renewed once since replicas have it. */
  keys: string | null;
}

export interface EnrolmentsTable {
  id: string;
  sha256: Buffer;
  gateway: string;
  created_at: Generated<Date>;
  expires_at: Date;
  used_at: Date | null;
  /** `keysName` of the keys it was used for. */
  used_by: string | null;
}

export interface McpServersTable extends Stamps {
  name: string;
  url: string;
  gateway: string;
  description: string | null;
  settings: JSONColumnType<ServerSettings, string | undefined>;
}

export interface UsersTable extends Stamps {
  name: string;
  display_name: string | null;
  email: string | null;
}

export interface VirtualAccountsTable extends Stamps {
  name: string;
  display_name: string | null;
  owner: string;
}

export interface GrantsTable extends Stamps {
  name: string;
  effect: 'allow' | 'deny';
  principal_kind: 'user' | 'virtual-account';
  principal_name: string;
  principal_user: GeneratedAlways<string | null>;
  principal_account: GeneratedAlways<string | null>;
  server: string;
  everything: boolean;
  tools: string[];
  prompts: string[];
  resources: string[];
}

export interface PeerMatrixTable extends Stamps {
  singleton: Generated<boolean>;
}

/** `a` < `b` by code unit. */
export interface PeerPairsTable {
  a: string;
  b: string;
}

export interface TokensTable {
  id: string;
  kind: 'pat' | 'vat';
  principal_kind: 'user' | 'virtual-account';
  principal_name: string;
  /** Non-null: for the API alone; such a token stands in no snapshot. */
  role: 'admin' | null;
  sha256: Buffer;
  /** `hopKey(secret)` under the KEK; additional data `hopKeyAad(id)`. */
  sealed_hop_key: Buffer;
  last4: string;
  description: string | null;
  created_at: Generated<Date>;
  expires_at: Date;
  revoked_at: Date | null;
}

export interface SealingKeysTable {
  gateway: string;
  kid: string;
  created_at: Generated<Date>;
  /** 32 bytes under the KEK. */
  wrapped: Buffer;
}

export interface OutboxTable {
  id: GeneratedAlways<number>;
  kind: string;
  name: string;
  at: Generated<Date>;
}

export interface SnapshotsTable {
  gateway: string;
  revision: number;
  /** SHA-256 (hex) of the payload, tables inline: what a gateway reports. */
  digest: string;
  /** Hash of what was rendered, without revision and time: equal means nothing to publish. */
  content_hash: string;
  jws: string;
  created_at: Generated<Date>;
}

export interface AuditRecordsTable {
  id: GeneratedAlways<number>;
  gateway: string;
  epoch: string;
  seq: number;
  timestamp: Date;
  request_id: string;
  trace_id: string;
  role: 'entry' | 'handling';
  entry_gateway: string;
  handling_gateway: string | null;
  proxy_hops: number;
  user: string | null;
  principal_kind: 'user' | 'virtual-account' | null;
  token_id: string | null;
  mcp_server: string | null;
  method: string | null;
  tool: string | null;
  status: 'success' | 'refused' | 'failed';
  http_status: number;
  code: string | null;
  total_latency_ms: number;
  /** When it arrived here; its `timestamp` is what the gateway says. */
  recorded_at: Generated<Date>;
}

/** Keys are PKCS #8 under the KEK; additional data `certificateKeyAad(plane)`. */
export interface CertificatesTable {
  /** A gateway's name, or `control`. */
  plane: string;
  name: string | null;
  /** PEM, leaf first. */
  chain: string | null;
  wrapped_key: Buffer | null;
  not_before: Date | null;
  not_after: Date | null;
  renew_at: Date | null;
  order_url: string | null;
  order_name: string | null;
  order_key: Buffer | null;
  failures: Generated<number>;
  retry_at: Date | null;
  last_error: string | null;
  last_error_at: Date | null;
}

export interface AcmeAccountsTable {
  directory: string;
  url: string | null;
  /** PKCS #8 under the KEK; additional data `acmeAccountAad(directory)`. */
  wrapped_key: Buffer;
  created_at: Generated<Date>;
}

export interface AuditWatermarksTable {
  gateway: string;
  epoch: string;
  seq: number;
  updated_at: Generated<Date>;
}

/** Files of `init`, where the database keeps the keys. */
export interface KeyMaterialTable {
  /** Below the data directory. */
  path: string;
  /** Under the KEK; additional data `keyMaterialAad(path)`. */
  sealed: Buffer;
  updated_at: Generated<Date>;
}

export interface Database {
  gateways: GatewaysTable;
  gateway_replicas: GatewayReplicasTable;
  enrolments: EnrolmentsTable;
  mcp_servers: McpServersTable;
  users: UsersTable;
  virtual_accounts: VirtualAccountsTable;
  grants: GrantsTable;
  peer_matrix: PeerMatrixTable;
  peer_pairs: PeerPairsTable;
  tokens: TokensTable;
  sealing_keys: SealingKeysTable;
  outbox: OutboxTable;
  snapshots: SnapshotsTable;
  audit_records: AuditRecordsTable;
  audit_watermarks: AuditWatermarksTable;
  certificates: CertificatesTable;
  acme_accounts: AcmeAccountsTable;
  key_material: KeyMaterialTable;
}
