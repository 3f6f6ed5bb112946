/**
 * Why: the state holds what resources answer, too. A Secret that was declared empty and filled in the cluster comes into the
 * state by a refresh, and a program may export what it should not. Asked of outputs, so it can tell only after the fact.
 */
import { type Declared, noKeyMaterial, noPlainSecret } from '@portolan/components/rules';
import { stackPolicy } from './policy.ts';

const description =
  'No output holds a secret value or a private key: outputs lie in the state, as inputs do. A Secret that the cluster fills is not declared by a program.';

const rule = (resources: readonly Declared[]) =>
  resources.flatMap((resource) => [...noPlainSecret(resource), ...noKeyMaterial(resource)]);

export const policy = stackPolicy({ name: 'no-secret-in-outputs', description, severity: 'critical' }, rule);
