/**
 * Faults that a test orders: the file named by PORTOLAN_KUBERNETES_FAULTS holds one a line, `<create|update|delete> <Kind>`.
 * Each line makes one such operation fail before anything is sent, and is gone then.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

export const faultsVariable = 'PORTOLAN_KUBERNETES_FAULTS';

/** Throws when a fault is ordered for this operation. */
export type Faults = (operation: 'create' | 'update' | 'delete', kind: string) => void;

export function faultsOf(env: NodeJS.ProcessEnv): Faults {
  const file = env[faultsVariable];
  return (operation, kind) => {
    if (!file || !existsSync(file)) return;
    const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
    const at = lines.indexOf(`${operation} ${kind}`);
    if (at < 0) return;
    writeFileSync(file, lines.toSpliced(at, 1).join('\n'));
    throw new Error(`${operation} of a ${kind} fails by order of the test`);
  };
}
