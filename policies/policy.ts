/** From a pure rule to a policy that the engine asks. */

import {
  type Declared,
  type ResourceRule,
  type StackRule,
  type Violation,
  violationText,
} from '@portolan/components/rules';
import type {
  PolicyResource,
  ReportViolation,
  ResourceValidationArgs,
  ResourceValidationPolicy,
  Severity,
  StackValidationPolicy,
} from '@pulumi/policy';
import { readProperties } from './read-properties.ts';

export interface Reason {
  /** Name of the policy, as a stack's policy configuration names it. */
  readonly name: string;
  /** What it demands, and why: shown above each violation. */
  readonly description: string;
  readonly severity: Severity;
}

/** Asked for each resource by its inputs, before anything is made of them. */
export function resourcePolicy(reason: Reason, rule: ResourceRule): ResourceValidationPolicy {
  return {
    ...reason,
    enforcementLevel: 'mandatory',
    validateResource: ({ type, name, props, urn }: ResourceValidationArgs, report: ReportViolation) =>
      tell(rule({ type, name, urn, props: readProperties(props) }), report),
  };
}

/** Asked once for all resources, by what the engine knows of them at the end of a preview, and again at the end of an update. */
export function stackPolicy(reason: Reason, rule: StackRule): StackValidationPolicy {
  return {
    ...reason,
    enforcementLevel: 'mandatory',
    validateStack: ({ resources }, report) => tell(rule(resources.map(declaredBy)), report),
  };
}

function declaredBy({ type, name, props, urn, provider }: PolicyResource): Declared {
  return { type, name, urn, props: readProperties(props), cluster: provider?.urn };
}

function tell(violations: readonly Violation[], report: ReportViolation): void {
  for (const violation of violations) report(violationText(violation), violation.urn);
}
