/**
 * Validates the inputs of a resource before anything is done with them. Pure.
 * What is unknown in a preview is left to the run that knows it; everything beside it is checked already.
 */
import { explain, valueAt } from './explain.ts';
import type { Kind } from './kind.ts';
import { type Decoded, hasUnknown, type Properties } from './wire.ts';

export interface Failure {
  /** Top-level property; empty where the fault belongs to none. */
  readonly property: string;
  readonly reason: string;
}

export interface Checked {
  /** With defaults filled in, where all is known. */
  readonly inputs: Properties;
  readonly failures: readonly Failure[];
}

/** @param owner `Process(gateway-aws)` */
export function check(kind: Kind, owner: string, given: Decoded): Checked {
  const secrets = kind.refusesSecrets ? secretFailures(owner, given.secrets) : [];
  const parsed = kind.schema.safeParse(given.values);
  if (parsed.success) return { inputs: parsed.data as Properties, failures: secrets };
  const faults = parsed.error.issues
    .filter((issue) => !hasUnknown(valueAt(given.values, issue.path)))
    .map((issue) => ({ property: String(issue.path[0] ?? ''), reason: explain(owner, issue, given.values) }));
  return { inputs: given.values, failures: [...secrets, ...faults] };
}

function secretFailures(owner: string, secrets: ReadonlySet<string>): Failure[] {
  return [...secrets].map((property) => ({
    property,
    reason: `${owner}.${property}: expected no secret, because it would be readable in process lists and files. Put the secret in a file of mode 0600 and name that file.`,
  }));
}
