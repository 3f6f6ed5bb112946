/** The door of core: everything that both planes share, by explicit name. */
export * as api from './api.ts';
export { AuditRecord, AuditRow, AuditStatus, SpooledRecord, Watermark } from './audit.ts';
export { type Destination, destination, type Self } from './destination.ts';
export {
  type AuditOutcome,
  type Fault,
  type FaultCode,
  faults,
  publicSentence,
  Refusal,
  type RefusalContext,
  refuse,
} from './errors.ts';
export {
  CALLER_HEADER,
  HOP_HEADER,
  type Hop,
  type HopCaller,
  readCaller,
  readHop,
  writeCaller,
  writeHop,
} from './hop.ts';
export {
  CONTROL,
  controlSpiffeId,
  GatewayName,
  gatewayOfSpiffeId,
  gatewaySpiffeId,
  meshName,
  Name,
  streams,
  subjects,
} from './names.ts';
export { serverOfPath, serverPath } from './paths.ts';
export {
  GatewayReport,
  Grant,
  McpServer,
  Peer,
  PrincipalKind,
  SealedKey,
  Snapshot,
  Tables,
  TokenDigest,
  type WholeSnapshot,
} from './snapshot.ts';
export {
  hopKey,
  hopProof,
  makeToken,
  parseToken,
  proofDigest,
  sameDigest,
  secretDigest,
  type Token,
  type TokenKind,
  tokenText,
} from './tokens.ts';
