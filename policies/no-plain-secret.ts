/** Why: what a program says in plain stands in the repository, the state, previews and the API server's audit log. */
import { noPlainSecret } from '@portolan/components/rules';
import { resourcePolicy } from './policy.ts';

const description =
  'No secret value stands in a program: it would lie in the repository, the state and the audit log of the API server. Secrets are made where they are used, and named here.';

export const policy = resourcePolicy({ name: 'no-plain-secret', description, severity: 'critical' }, noPlainSecret);
