/** Migration 0004: gateways whose pods enrol by their service-account tokens, and the pod of each replica. Replicas from before have none. */

// table
export const sql = `
-- \`WorkloadIdentity\` of core; null: one-time secrets alone
ALTER TABLE gateways ADD COLUMN workload_identity jsonb;
-- a token says which gateway its pod is, so no two of them may answer to it
CREATE UNIQUE INDEX gateways_active_workload ON gateways (
  (workload_identity->>'issuer'), (workload_identity->>'namespace'),
  (workload_identity->>'serviceAccount'), (workload_identity->>'audience')
) WHERE status = 'active';

ALTER TABLE gateway_replicas
  -- uid of the pod by whose token it enrolled
  ADD COLUMN pod_uid text,
  -- and what that token had to show: issuer, namespace, service account, audience
  ADD COLUMN workload text,
  -- when other keys of its pod, or other pods, took its place: no replica any more, but its nkey stays known until its certificate ends, so that NATS
  -- refuses it when the gateway is retired
  ADD COLUMN left_at timestamptz(3),
  -- its three keys (base64url SHA-256): nobody but their holder may have the row
  ADD COLUMN keys text;
ALTER TABLE gateway_replicas ADD CHECK ((pod_uid IS NULL) = (workload IS NULL));
CREATE UNIQUE INDEX gateway_replicas_pod ON gateway_replicas (gateway, pod_uid) WHERE revoked_at IS NULL AND left_at IS NULL;
`;
