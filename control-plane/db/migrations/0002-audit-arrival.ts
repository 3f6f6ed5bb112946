/** Migration 0002: when an audit record arrived here. What was there before counts as having arrived now. */

// table
export const sql = `
ALTER TABLE audit_records ADD COLUMN recorded_at timestamptz(3) NOT NULL DEFAULT now();
`;
