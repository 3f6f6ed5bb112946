/** Migration 0005: public certificates by ACME: which gateways get one, the accounts, and each plane's certificate and order. */

// table
export const sql = `
-- null: the gateway has a certificate of its own
ALTER TABLE gateways ADD COLUMN certificate text CHECK (certificate IN ('acme'));

-- One account a directory. wrapped_key: PKCS #8 under the KEK, AAD 'acme-account|' || directory. url: null until it is registered.
CREATE TABLE acme_accounts (
  directory    text PRIMARY KEY,
  url          text,
  wrapped_key  bytea NOT NULL,
  created_at   timestamptz(3) NOT NULL DEFAULT now()
);

-- One row a plane that gets a certificate: a gateway's name, or 'control'. Keys are PKCS #8 under the KEK, AAD 'certificate|' || plane.
CREATE TABLE certificates (
  plane          text PRIMARY KEY,
  -- the certificate in use; null before the first
  name           text,
  chain          text,
  wrapped_key    bytea,
  not_before     timestamptz(3),
  not_after      timestamptz(3),
  renew_at       timestamptz(3),
  -- the order under way, its name and the key that its certificate will have
  order_url      text,
  order_name     text,
  order_key      bytea,
  -- failures in a row, and when it is tried again
  failures       integer NOT NULL DEFAULT 0,
  retry_at       timestamptz(3),
  last_error     text,
  last_error_at  timestamptz(3),
  CHECK (num_nulls(name, chain, wrapped_key, not_before, not_after, renew_at) IN (0, 6)),
  CHECK (num_nulls(order_url, order_name, order_key) IN (0, 3))
);
`;
