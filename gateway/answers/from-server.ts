/**
 * What an MCP server answered, judged by the gateway that handles it: what its status means to the caller, and the session id it gave.
 * Invariant: a session id leaves here sealed for this server and principal, or not at all.
 */
import type { Armed, Gateway, Reply } from '../context.ts';
import type { Answer } from '../ports.ts';
import { gather } from '../stream/gather.ts';
import type { Page } from '../stream/relay.ts';
import { sessionPrincipal } from '../stream/session-principal.ts';
import { rpcErrorCode, verdict } from '../stream/upstream-status.ts';
import { invalid, refused, relayAnswer } from './relay-answer.ts';

/** Longest refusal of a server that is read to see whether it is JSON-RPC. */
const REFUSAL_BYTES = 65_536;
const METHOD_NOT_FOUND = -32601;

/** `page`: of a list, where what is read of it is noted. */
export function fromServer(call: Armed, answer: Answer, gateway: Gateway, page?: Page): Reply | Promise<Reply> {
  const judged = verdict(answer.status, call.upstreamSession !== undefined);
  if (judged === 'invalid') throw refused(answer, invalid(call, `it answered ${answer.status}`));
  if (judged === 'pass-if-rpc-error') return rpcError(call, answer);
  const sessionId = sealSession(call, answer, gateway);
  return relayAnswer(call, answer, { sessionId, fault: undefined, page }, gateway);
}

/** A 404 or 5xx passes where its body is the JSON-RPC error that the caller's era knows; else the server has not answered at all. */
async function rpcError(call: Armed, answer: Answer): Promise<Reply> {
  const { status } = answer;
  const gathered = await gather(answer.body, REFUSAL_BYTES);
  if (!gathered.ended) await gathered.rest.return?.();
  const code = gathered.ended ? rpcErrorCode(gathered.bytes) : undefined;
  const passes = code !== undefined && (status !== 404 || code === METHOD_NOT_FOUND);
  if (!passes) throw invalid(call, `it answered ${status}`);
  const fault = status >= 500 ? ('upstream_failed' as const) : undefined;
  return { status, headers: ['content-type', 'application/json'], body: gathered.bytes, fault };
}

/** The id that the caller knows: its own again where the server repeats it, else a new one, sealed for this server and principal. */
function sealSession(call: Armed, answer: Answer, { sessions }: Gateway): string | undefined {
  const upstreamId = answer.headers['mcp-session-id'];
  if (typeof upstreamId !== 'string' || call.era !== 'legacy') return undefined;
  if (upstreamId === call.upstreamSession) return call.callerSession;
  const sealed = sessions.seal({ server: call.server.name, principal: sessionPrincipal(call.principal), upstreamId });
  if (sealed === undefined) throw refused(answer, invalid(call, 'its session id cannot be sealed'));
  return sealed;
}
