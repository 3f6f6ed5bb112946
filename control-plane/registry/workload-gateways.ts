/** Which gateways a workload may be. */
import type { WorkloadIdentity } from '@portolan/core';
import { sql } from 'kysely';
import type { Read } from './kind.ts';

export interface WorkloadGateway {
  readonly name: string;
  readonly identity: WorkloadIdentity;
}

/** Active ones with this issuer, namespace and service account, in order of name; they differ in their audience. */
export async function gatewaysOf(
  db: Read,
  { issuer, namespace, serviceAccount }: Pick<WorkloadIdentity, 'issuer' | 'namespace' | 'serviceAccount'>,
): Promise<readonly WorkloadGateway[]> {
  const { rows } = await sql<WorkloadGateway>`
    SELECT name, workload_identity AS identity FROM gateways
    WHERE status = 'active' AND workload_identity->>'issuer' = ${issuer}
      AND workload_identity->>'namespace' = ${namespace} AND workload_identity->>'serviceAccount' = ${serviceAccount}
    ORDER BY name`.execute(db);
  return rows;
}
