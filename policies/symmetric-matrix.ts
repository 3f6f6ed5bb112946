/** Why: a crossing that is open at one end alone is a hole that the matrix does not know, or an outage at the first call. */
import { symmetricMatrix } from '@portolan/components/rules';
import { stackPolicy } from './policy.ts';

const description =
  'The peer matrix and the NetworkPolicies of both gateways of a pair say the same, because what is open at one end alone is a hole or an outage.';

export const policy = stackPolicy({ name: 'symmetric-matrix', description, severity: 'medium' }, symmetricMatrix);
