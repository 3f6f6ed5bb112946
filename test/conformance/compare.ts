/** What was lost between the suite and a server: pure. A check that fails directly, too, is the server's affair. */
import type { Check } from './checks.ts';

export interface Loss {
  readonly key: string;
  /** What became of it; `absent` where the scenario did not get that far. */
  readonly status: string;
  readonly error: string | undefined;
}

export interface Count {
  readonly passed: number;
  readonly failed: number;
}

/** Warnings count as failures: the suite warns where a SHOULD is not kept. */
const fails = (status: string): boolean => status === 'FAILURE' || status === 'WARNING';

export const count = (checks: readonly Check[]): Count => ({
  passed: checks.filter(({ status }) => status === 'SUCCESS').length,
  failed: checks.filter(({ status }) => fails(status)).length,
});

/** Every check that passes directly and not on the way, and every one that fails on the way alone. */
export function losses(direct: readonly Check[], through: readonly Check[]): Loss[] {
  const before = new Map(direct.map((check) => [check.key, check]));
  const after = new Map(through.map((check) => [check.key, check]));
  const lost = direct
    .filter(({ status, key }) => status === 'SUCCESS' && after.get(key)?.status !== 'SUCCESS')
    .map(({ key }) => ({ key, status: after.get(key)?.status ?? 'absent', error: after.get(key)?.error }));
  const added = through.filter(
    ({ key, status }) =>
      fails(status) && before.get(key)?.status !== 'SUCCESS' && !fails(before.get(key)?.status ?? ''),
  );
  return [...lost, ...added];
}
