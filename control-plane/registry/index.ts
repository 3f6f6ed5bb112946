/** The door of the registry: what people and Pulumi register. A new kind is one file, one line here and one in api/routes. */
import { gateways, gatewaysWithOwnCertificates } from './gateways.ts';
import { grants } from './grants.ts';
import { mcpServers } from './mcp-servers.ts';
import { users } from './users.ts';
import { virtualAccounts } from './virtual-accounts.ts';

export type { Kind } from './kind.ts';
export { getPeerMatrix, putPeerMatrix, removePeerMatrix } from './peer-matrix.ts';
export { existingPrincipal } from './references.ts';
export { get, list, put, remove } from './registry.ts';
export { gatewaysOf, type WorkloadGateway } from './workload-gateways.ts';
export { gateways, gatewaysWithOwnCertificates, grants, mcpServers, users, virtualAccounts };
