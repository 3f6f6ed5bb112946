/** Every migration, in order. Forward only: a new one is a new file and one line here. */
import { sql as first } from './0001-first.ts';
import { sql as auditArrival } from './0002-audit-arrival.ts';
import { sql as serverSettings } from './0003-server-settings.ts';
import { sql as workloadIdentity } from './0004-workload-identity.ts';
import { sql as certificates } from './0005-certificates.ts';
import { sql as keyMaterial } from './0006-key-material.ts';

export interface Migration {
  readonly name: string;
  readonly sql: string;
}

export const migrations: readonly Migration[] = [
  { name: '0001-first', sql: first },
  { name: '0002-audit-arrival', sql: auditArrival },
  { name: '0003-server-settings', sql: serverSettings },
  { name: '0004-workload-identity', sql: workloadIdentity },
  { name: '0005-certificates', sql: certificates },
  { name: '0006-key-material', sql: keyMaterial },
];
