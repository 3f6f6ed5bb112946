/** Why: without source ranges a load balancer admits the whole Internet. Who means that says so. */
import { noOpen443 } from '@portolan/components/rules';
import { resourcePolicy } from './policy.ts';

const description =
  'Nothing is open to the whole Internet unless it is declared public (portolan.dev/public: "true"), because a load balancer without source ranges admits everyone.';

export const policy = resourcePolicy({ name: 'no-open-443', description, severity: 'high' }, noOpen443);
