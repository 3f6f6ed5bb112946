/** The door of core: everything that both planes share, by explicit name. */

export type { ReplaceHandle } from './answer-handles.ts';
export * as api from './api.ts';
export { AuditRecord, AuditRow, AuditStatus, damagedAuditRecord, SpooledRecord, Watermark } from './audit.ts';
export { fold } from './case-variants.ts';
export {
  CUSTOM_HEADERS,
  isRegistrable,
  type ReadHeaders,
  readCustomHeaders,
  type TakenHeaders,
  untakenHeader,
} from './custom-headers.ts';
export { callMs, idleMs } from './deadlines.ts';
export { type Destination, destination, type Self } from './destination.ts';
export { Duration } from './duration.ts';
export { classifyRequest, type Era, type EraRefusal, encodeHeaderValue, type Headers, isModernVersion } from './era.ts';
export {
  type AuditOutcome,
  type Fault,
  type FaultCode,
  faults,
  publicCode,
  publicSentence,
  Refusal,
  type RefusalContext,
  refuse,
} from './errors.ts';
export { type Call, type CompiledGrants, compileGrants, permit, type View } from './grants.ts';
export { HANDLE_KEYS, RESULT_HANDLES, type RequestHandle, TASKS_EXTENSION } from './handles.ts';
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
export type { Range } from './json-cursor.ts';
export {
  acknowledgedKinds,
  changedKinds,
  declaredKinds,
  type ListKinds,
  listChangedNotices,
  requestedKinds,
} from './list-changed.ts';
export { type Filtered, filterAnswer, LIST_KEYS } from './lists.ts';
export {
  CONTROL,
  controlSpiffeId,
  GatewayName,
  gatewayOfSpiffeId,
  gatewaySpiffeId,
  meshName,
  Name,
  natsSpiffeId,
  streams,
  subjects,
} from './names.ts';
export { serverOfPath, serverPath } from './paths.ts';
export { compileReach, ipv6Groups, NEVER_DIALLED, ReachRange } from './reach.ts';
export { type Scanned, scan, type Unscannable } from './scan.ts';
export type { Listens, Meta } from './scan-params.ts';
export { ServerReport, ServerState } from './server-report.ts';
export {
  DeliveredCertificate,
  GatewayReport,
  Grant,
  McpServer,
  Peer,
  PrincipalKind,
  SealedKey,
  ServerSettings,
  Snapshot,
  Tables,
  TokenDigest,
  type WholeSnapshot,
} from './snapshot.ts';
export { spliceCursor } from './splice-cursor.ts';
export { type Cut, spliceTraceparent } from './splice-traceparent.ts';
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
export {
  continueTrace,
  type RandomDigits,
  type Trace,
  writeTraceparent,
} from './traceparent.ts';
export {
  type DiscoverVerdict,
  discoverVerdict,
  type InitializeVerdict,
  initializeVerdict,
  type ProbeAnswer,
  type SelfDescription,
  streamVerdict,
  type Undecided,
  UpstreamEra,
} from './upstream-era.ts';
export { HostName, isLoopbackHost, isLoopbackOrigin, WebOrigin } from './web-origin.ts';
export { WorkloadIdentity, WorkloadKey } from './workload-identity.ts';
