/** The door of the provider: resource classes for programs. No gRPC stands behind it. */
export { ArgumentError } from './argument-error.ts';
export { expectControl, expectEntry, wanted } from './classes/expect-link.ts';
export { Gateway, type GatewayArgs, type WorkloadIdentityArgs } from './classes/gateway.ts';
export { Grant, type GrantArgs } from './classes/grant.ts';
export type { ControlApiArgs, ControlPlaneLink, EntryKind, EntryLink, PrincipalLink } from './classes/links.ts';
export { McpServer, type McpServerArgs } from './classes/mcp-server.ts';
export { PeerMatrix, type PeerMatrixArgs } from './classes/peer-matrix.ts';
export {
  type Command,
  type ConfigFile,
  type HttpReadiness,
  Process,
  type ProcessArgs,
  type TcpReadiness,
} from './classes/process.ts';
export { User, type UserArgs } from './classes/user.ts';
export { VirtualAccount, type VirtualAccountArgs } from './classes/virtual-account.ts';
export { explain } from './explain.ts';
