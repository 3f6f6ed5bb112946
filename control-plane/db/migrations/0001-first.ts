/**
 * Migration 0001: the registry, tokens, identity, publisher's and ledger's tables.
 * SQL in a TypeScript module, so that the same text is found unbundled and in the one-file bundle.
 * Applied migrations are never edited: their checksum is kept and compared.
 */

// table
export const sql = `
-- Gateways. A retired one keeps its row (its name is in audit records and its certificates must stay refused).
CREATE TABLE gateways (
  name           text PRIMARY KEY,
  url            text NOT NULL,
  dial           text NOT NULL,
  description    text,
  status         text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'retired')),
  -- certificates issued before this are refused by every peer
  min_issued_at  timestamptz(3) NOT NULL DEFAULT 'epoch',
  created_at     timestamptz(3) NOT NULL DEFAULT now(),
  updated_at     timestamptz(3) NOT NULL DEFAULT now()
);
-- a server finds its gateway by comparing URLs, so two active gateways can never share one
CREATE UNIQUE INDEX gateways_active_url ON gateways (url) WHERE status = 'active';

-- One row an enrolled replica. replica = RFC 7638 thumbprint of its sealing key.
CREATE TABLE gateway_replicas (
  gateway                text NOT NULL REFERENCES gateways (name),
  replica                text NOT NULL,
  seal_jwk               jsonb NOT NULL,
  nkey                   text NOT NULL,
  certificate_serial     text NOT NULL,
  certificate_not_after  timestamptz(3) NOT NULL,
  enrolled_at            timestamptz(3) NOT NULL DEFAULT now(),
  renewed_at             timestamptz(3),
  -- set when the gateway is retired: the nkey stays known so that NATS can refuse it
  revoked_at             timestamptz(3),
  report                 jsonb,
  reported_at            timestamptz(3),
  PRIMARY KEY (gateway, replica)
);

-- One-time secrets ptl_enr_…; id and digest only.
CREATE TABLE enrolments (
  id          text PRIMARY KEY,
  sha256      bytea NOT NULL,
  gateway     text NOT NULL REFERENCES gateways (name),
  created_at  timestamptz(3) NOT NULL DEFAULT now(),
  expires_at  timestamptz(3) NOT NULL,
  used_at     timestamptz(3),
  -- the keys it was used for (base64url SHA-256): the same gateway may use it again, its answer may have been lost
  used_by     text,
  CHECK ((used_at IS NULL) = (used_by IS NULL))
);
CREATE INDEX enrolments_gateway ON enrolments (gateway);

CREATE TABLE mcp_servers (
  name         text PRIMARY KEY,
  url          text NOT NULL,
  gateway      text NOT NULL REFERENCES gateways (name),
  description  text,
  created_at   timestamptz(3) NOT NULL DEFAULT now(),
  updated_at   timestamptz(3) NOT NULL DEFAULT now()
);
CREATE INDEX mcp_servers_gateway ON mcp_servers (gateway);

CREATE TABLE users (
  name          text PRIMARY KEY,
  display_name  text,
  email         text,
  created_at    timestamptz(3) NOT NULL DEFAULT now(),
  updated_at    timestamptz(3) NOT NULL DEFAULT now()
);

CREATE TABLE virtual_accounts (
  name          text PRIMARY KEY,
  display_name  text,
  owner         text NOT NULL REFERENCES users (name),
  created_at    timestamptz(3) NOT NULL DEFAULT now(),
  updated_at    timestamptz(3) NOT NULL DEFAULT now()
);
CREATE INDEX virtual_accounts_owner ON virtual_accounts (owner);

-- The two generated columns make a principal of either kind a true foreign key.
CREATE TABLE grants (
  name             text PRIMARY KEY,
  effect           text NOT NULL CHECK (effect IN ('allow', 'deny')),
  principal_kind   text NOT NULL CHECK (principal_kind IN ('user', 'virtual-account')),
  principal_name   text NOT NULL,
  principal_user   text GENERATED ALWAYS AS (CASE WHEN principal_kind = 'user' THEN principal_name END) STORED
                   REFERENCES users (name),
  principal_account text GENERATED ALWAYS AS (CASE WHEN principal_kind = 'virtual-account' THEN principal_name END) STORED
                   REFERENCES virtual_accounts (name),
  server           text NOT NULL REFERENCES mcp_servers (name),
  everything       boolean NOT NULL,
  tools            text[] NOT NULL,
  prompts          text[] NOT NULL,
  resources        text[] NOT NULL,
  created_at       timestamptz(3) NOT NULL DEFAULT now(),
  updated_at       timestamptz(3) NOT NULL DEFAULT now()
);
CREATE INDEX grants_principal ON grants (principal_kind, principal_name);
CREATE INDEX grants_server ON grants (server);

-- One matrix a federation: its existence, and its unordered pairs (a < b).
CREATE TABLE peer_matrix (
  singleton   boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  created_at  timestamptz(3) NOT NULL DEFAULT now(),
  updated_at  timestamptz(3) NOT NULL DEFAULT now()
);
CREATE TABLE peer_pairs (
  a  text NOT NULL REFERENCES gateways (name),
  b  text NOT NULL REFERENCES gateways (name),
  PRIMARY KEY (a, b),
  -- C collation, so that the order is the same as the one our code sorts by
  CHECK (a COLLATE "C" < b COLLATE "C")
);
CREATE INDEX peer_pairs_b ON peer_pairs (b);

-- Access tokens. sealed_hop_key: k = HMAC(secret, "portolan hop") under the KEK, AAD 'hop-key|' || id.
-- Tokens with a role are for this API alone and stand in no snapshot. Rows stay after revocation: audit records name their ids.
CREATE TABLE tokens (
  id              text PRIMARY KEY,
  kind            text NOT NULL CHECK (kind IN ('pat', 'vat')),
  principal_kind  text NOT NULL CHECK (principal_kind IN ('user', 'virtual-account')),
  principal_name  text NOT NULL,
  role            text CHECK (role IN ('admin')),
  sha256          bytea NOT NULL,
  sealed_hop_key  bytea NOT NULL,
  last4           text NOT NULL,
  description     text,
  created_at      timestamptz(3) NOT NULL DEFAULT now(),
  expires_at      timestamptz(3) NOT NULL,
  revoked_at      timestamptz(3)
);
CREATE INDEX tokens_principal ON tokens (principal_kind, principal_name);
CREATE INDEX tokens_live ON tokens (expires_at) WHERE revoked_at IS NULL;

-- Session-sealing keys of a gateway: 32 bytes under the KEK, AAD 'sealing-key|' || gateway || '|' || kid.
CREATE TABLE sealing_keys (
  gateway     text NOT NULL REFERENCES gateways (name),
  kid         text NOT NULL,
  created_at  timestamptz(3) NOT NULL DEFAULT now(),
  wrapped     bytea NOT NULL,
  PRIMARY KEY (gateway, kid)
);

-- What changed and is not yet rendered; written in the transaction of the change, deleted by the publisher.
CREATE TABLE outbox (
  id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind  text NOT NULL,
  name  text NOT NULL,
  at    timestamptz(3) NOT NULL DEFAULT now()
);

-- Published snapshots; the highest revision is current, some older ones stay so that drift can be told from lag.
CREATE TABLE snapshots (
  gateway       text NOT NULL REFERENCES gateways (name),
  revision      bigint NOT NULL,
  digest        text NOT NULL,
  content_hash  text NOT NULL,
  jws           text NOT NULL,
  created_at    timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (gateway, revision)
);

-- One row a request and gateway. No foreign keys and no checks: what a gateway once wrote must never be refused here.
CREATE TABLE audit_records (
  id                bigint GENERATED ALWAYS AS IDENTITY,
  gateway           text NOT NULL,
  epoch             text NOT NULL,
  seq               bigint NOT NULL,
  "timestamp"       timestamptz(3) NOT NULL,
  request_id        text NOT NULL,
  trace_id          text NOT NULL,
  role              text NOT NULL,
  entry_gateway     text NOT NULL,
  handling_gateway  text,
  proxy_hops        integer NOT NULL,
  "user"            text,
  principal_kind    text,
  token_id          text,
  mcp_server        text,
  method            text,
  tool              text,
  status            text NOT NULL,
  http_status       integer NOT NULL,
  code              text,
  total_latency_ms  double precision NOT NULL,
  PRIMARY KEY (gateway, epoch, seq)
);
CREATE UNIQUE INDEX audit_id ON audit_records (id);
CREATE INDEX audit_request ON audit_records (request_id, role, id);
CREATE INDEX audit_newest ON audit_records ("timestamp" DESC, request_id DESC);
CREATE INDEX audit_user ON audit_records ("user", "timestamp" DESC, request_id DESC);
CREATE INDEX audit_server ON audit_records (mcp_server, "timestamp" DESC, request_id DESC);
-- of tool its beginning: an index row has room for 2704 bytes only
CREATE INDEX audit_tool ON audit_records (left(tool, 128), "timestamp" DESC, request_id DESC) WHERE tool IS NOT NULL;
CREATE INDEX audit_code ON audit_records (code, "timestamp" DESC, request_id DESC) WHERE code IS NOT NULL;
CREATE INDEX audit_trouble ON audit_records (status, "timestamp" DESC, request_id DESC) WHERE status <> 'success';
CREATE INDEX audit_trace ON audit_records (trace_id);

-- Highest contiguous seq of an epoch that is committed here: what the gateway's spool may free.
CREATE TABLE audit_watermarks (
  gateway     text NOT NULL,
  epoch       text NOT NULL,
  seq         bigint NOT NULL,
  updated_at  timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (gateway, epoch)
);
`;
