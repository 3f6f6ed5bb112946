/** Why: a key in the state is a key in every copy of the state. Keys are made where they are used, and never leave. */
import { noKeyMaterial } from '@portolan/components/rules';
import { resourcePolicy } from './policy.ts';

const description =
  'No private key is made by or passed through a program: it would lie in every copy of the state. Keys are made where they are used.';

export const policy = resourcePolicy({ name: 'no-key-material', description, severity: 'critical' }, noKeyMaterial);
