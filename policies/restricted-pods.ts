/** Why: what breaks into a process has what its pod has. A pod that may do nothing but its work gives nothing away. */
import { restrictedPods } from '@portolan/components/rules';
import { resourcePolicy } from './policy.ts';

const description =
  'Every pod keeps the Pod Security Standard "restricted" and a root file system that cannot be written, because what breaks into a process has what its pod has.';

export const policy = resourcePolicy({ name: 'restricted-pods', description, severity: 'high' }, restrictedPods);
