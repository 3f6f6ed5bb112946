/** Why: a pod that no NetworkPolicy selects is reached by every pod of its cluster and reaches everything. */
import { defaultDeny } from '@portolan/components/rules';
import { stackPolicy } from './policy.ts';

const description =
  'Every namespace with pods denies traffic by default, in and out, because a pod that no NetworkPolicy selects is open to the whole cluster.';

export const policy = stackPolicy({ name: 'default-deny', description, severity: 'high' }, defaultDeny);
