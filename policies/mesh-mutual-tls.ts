/** Why: a listener that asks for no certificate, or a proxy that ends TLS before it, is a door for everyone in the network. */
import { meshMutualTls } from '@portolan/components/rules';
import { resourcePolicy } from './policy.ts';

const description =
  'Every listener of the mesh demands a certificate and nothing before it ends TLS, because a door without is a door for everyone in the network.';

export const policy = resourcePolicy({ name: 'mesh-mutual-tls', description, severity: 'critical' }, meshMutualTls);
