/**
 * One exchange: sent, answered, relayed; ended when the caller leaves or the deadline passes. It is never sent twice.
 * A server's answer is judged by the handling gateway; the entry passes on what the handling gateway decided, and judges the hop alone.
 * Invariant: no Location, cookie, challenge or unsealed session id of a server gets past here.
 */
import { type FaultCode, faults, type Refusal, refuse, serverPath } from '@portolan/core';
import type { Armed, Gateway, Reply } from '../context.ts';
import type { Answer } from '../ports.ts';
import { challenge } from '../stream/challenge.ts';
import { FAULT_HEADER } from '../stream/fault-header.ts';
import { gather } from '../stream/gather.ts';
import { isEncoded, responseHeaders } from '../stream/headers.ts';
import { type Relayed, type Relaying, relayEvents, relayJson } from '../stream/relay.ts';
import { sessionPrincipal } from '../stream/session-principal.ts';
import { rpcErrorCode, verdict } from '../stream/upstream-status.ts';

const LISTS = new Set(['tools/list', 'prompts/list', 'resources/list', 'resources/templates/list']);
/** Longest refusal of a server that is read to see whether it is JSON-RPC. */
const REFUSAL_BYTES = 65_536;
const METHOD_NOT_FOUND = -32601;

export async function forward(call: Armed, gateway: Gateway): Promise<Reply> {
  call.flight.openEnded = call.exchange.idleTimeoutMs === 0;
  call.flight.expire(timeLeft(call, gateway), () => timeout(call));
  if (call.to.kind === 'upstream')
    return fromServer(call, await gateway.upstreams.open(call.server, call.exchange), gateway);
  const answer = await gateway.peers.open(call.to.gateway, serverPath(call.server.name), call.exchange);
  return fromPeer(call, call.to.gateway, answer, gateway);
}

const timeLeft = ({ hop, startedAt }: Armed, { limits, clock }: Gateway): number =>
  Math.min(limits.callMs, hop?.deadlineMs ?? limits.callMs) - (clock.monotonic() - startedAt);

const timeout = (call: Armed): Refusal =>
  call.to.kind === 'peer'
    ? refuse('peer_timeout', { hop: call.to.gateway })
    : refuse('upstream_timeout', { name: call.server.name, hop: call.server.gateway });

const invalid = (call: Armed, expected: string): Refusal =>
  refuse('upstream_invalid', { name: call.server.name, hop: call.server.gateway, expected });

const leave = (answer: Answer): void => void answer.body[Symbol.asyncIterator]().return?.();

function refused(answer: Answer, reason: Refusal): Refusal {
  leave(answer);
  return reason;
}

async function fromServer(call: Armed, answer: Answer, gateway: Gateway): Promise<Reply> {
  const judged = verdict(answer.status, call.upstreamSession !== undefined);
  if (judged === 'invalid') throw refused(answer, invalid(call, `it answered ${answer.status}`));
  const sessionId = sealSession(call, answer, gateway);
  if (judged === 'pass') return relay(call, answer, { sessionId, fault: undefined }, gateway);
  return { ...(await rpcError(call, answer)), fault: answer.status >= 500 ? 'upstream_failed' : undefined };
}

/** A 404 or 5xx passes where its body is the JSON-RPC error that the caller's era knows; else the server has not answered at all. */
async function rpcError(call: Armed, answer: Answer): Promise<Reply> {
  const gathered = await gather(answer.body, REFUSAL_BYTES);
  if (!gathered.ended) await gathered.rest.return?.();
  const code = gathered.ended ? rpcErrorCode(gathered.bytes) : undefined;
  const passes = code !== undefined && (answer.status !== 404 || code === METHOD_NOT_FOUND);
  if (!passes) throw invalid(call, `it answered ${answer.status}`);
  return { status: answer.status, headers: ['content-type', 'application/json'], body: gathered.bytes };
}

/** The id that the caller knows: its own again where the server repeats it, else a new one, sealed for this server and principal. */
function sealSession(call: Armed, answer: Answer, { sessions }: Gateway): string | undefined {
  const upstreamId = answer.headers['mcp-session-id'];
  if (upstreamId === undefined || call.era !== 'legacy') return undefined;
  if (upstreamId === call.upstreamSession) return call.callerSession;
  const binding = {
    server: call.server.name,
    principal: sessionPrincipal(call.principal),
    upstreamId: String(upstreamId),
  };
  const sealed = sessions.seal(binding);
  if (sealed === undefined) throw refused(answer, invalid(call, 'its session id cannot be sealed'));
  return sealed;
}

/** What only gateways tell each other: refusals of a gateway by a gateway are no business of the caller. */
const BETWEEN_GATEWAYS = new Set<FaultCode>([
  'peer_certificate',
  'peer_unknown',
  'proof_invalid',
  'hop_header_malformed',
  'hop_header_spoofed',
]);

function fromPeer(call: Armed, hop: string, answer: Answer, gateway: Gateway): Promise<Reply> {
  const marked = answer.headers[FAULT_HEADER];
  const fault = typeof marked === 'string' && Object.hasOwn(faults, marked) ? (marked as FaultCode) : undefined;
  if (fault && BETWEEN_GATEWAYS.has(fault)) throw refused(answer, refuse('peer_refused_us', { hop, detail: fault }));
  const strange = answer.status >= 500 || answer.status === 401 || answer.status === 403 || isRedirect(answer.status);
  if (!fault && strange) throw refused(answer, refuse('peer_failed', { hop, detail: `unmarked ${answer.status}` }));
  const sessionId = answer.headers['mcp-session-id'];
  return relay(call, answer, { sessionId: typeof sessionId === 'string' ? sessionId : undefined, fault }, gateway);
}

const isRedirect = (status: number): boolean => status >= 300 && status < 400;

interface Added {
  readonly sessionId: string | undefined;
  readonly fault: FaultCode | undefined;
}

async function relay(call: Armed, answer: Answer, added: Added, gateway: Gateway): Promise<Reply> {
  if (isEncoded(answer.headers)) throw refused(answer, invalid(call, 'an encoded body'));
  const relayed = await relayBody(call, answer, gateway);
  const out = { era: call.era, bytesUnchanged: relayed?.unchanged === true, sessionId: added.sessionId };
  const headers = Object.entries(responseHeaders(answer.headers, out)).flat();
  if (answer.status === 401) headers.push('www-authenticate', challenge(added.fault));
  const openEnded = call.flight.openEnded;
  return {
    status: answer.status,
    headers,
    body: relayed?.body,
    fault: added.fault,
    openEnded,
    progress: relayed?.progress,
  };
}

async function relayBody(call: Armed, answer: Answer, gateway: Gateway): Promise<Relayed | undefined> {
  const type = String(answer.headers['content-type'] ?? '')
    .split(';', 1)[0]
    ?.trim()
    .toLowerCase();
  if (type === 'text/event-stream') return relayEvents(answer.body, relaying(call, gateway));
  if (type === 'application/json') return relayJson(answer.body, relaying(call, gateway));
  // whatever else it is, no client of the protocol reads it, and a list could hide in it
  leave(answer);
  if (answer.status < 300 && call.message?.kind === 'request') throw invalid(call, 'neither JSON nor an event stream');
  return undefined;
}

const relaying = (call: Armed, { limits }: Gateway): Relaying => ({
  grants: call.tables.grantsOf(call.principal.kind, call.principal.name),
  server: call.server.name,
  list: LISTS.has(call.message?.method ?? ''),
  answerBytes: limits.answerBytes,
  id: call.message?.kind === 'request' ? call.message.id : undefined,
  invalid: (expected) => invalid(call, expected),
});
