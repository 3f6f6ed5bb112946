/** Migration 0006: what `init` made, where the keys are kept in the database: each file of its data directory, sealed. */

// table
export const sql = `
CREATE TABLE key_material (
  -- below the data directory, as mesh/root.pem
  path text PRIMARY KEY,
  -- under the KEK; additional data: key-material|<path>
  sealed bytea NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now()
);
`;
