/**
 * What an MCP server answered, judged by the gateway that handles it: what its status means to the caller, and the session id it gave.
 * Invariant: a session id leaves here sealed for this server and principal, or not at all.
 */
import type { ListKinds } from '@portolan/core';
import type { Armed, Gateway, Reply } from '../context.ts';
import type { Answer } from '../ports.ts';
import { gather } from '../stream/gather.ts';
import type { Page } from '../stream/relay.ts';
import { writeSession } from '../stream/upstream-session.ts';
import { rpcErrorCode, verdict } from '../stream/upstream-status.ts';
import { type Added, invalid, refused, relayAnswer } from './relay-answer.ts';

/** Longest refusal of a server that is read to see whether it is JSON-RPC. */
const REFUSAL_BYTES = 65_536;
const METHOD_NOT_FOUND = -32601;

/** What is known of the call, or wanted of its answer, beside the answer itself. */
export interface Beside {
  /** Of a list: where what is read of it is noted. */
  readonly page?: Page;
  /** Of an InitializeResult: the lists of which the server announces changes. */
  readonly listChanged?: ListKinds;
}

/** To the answer of most calls. */
const NOTHING_ADDED: Added = Object.freeze({
  sessionId: undefined,
  fault: undefined,
  list: false,
  page: undefined,
});

export function fromServer(call: Armed, answer: Answer, gateway: Gateway, beside?: Beside): Reply | Promise<Reply> {
  const judged = verdict(answer.status, call.session !== undefined);
  if (judged === 'invalid') throw refused(answer, invalid(call, `it answered ${answer.status}`));
  if (judged === 'pass-if-rpc-error') return rpcError(call, answer);
  const sessionId = sealSession(call, answer, beside?.listChanged ?? 0);
  if (sessionId === undefined && beside === undefined) return relayAnswer(call, answer, NOTHING_ADDED, gateway);
  const page = beside?.page;
  return relayAnswer(call, answer, { sessionId, fault: undefined, list: page !== undefined, page }, gateway);
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
function sealSession(call: Armed, answer: Answer, listChanged: ListKinds): string | undefined {
  const upstreamId = answer.headers['mcp-session-id'];
  if (typeof upstreamId !== 'string' || call.era !== 'legacy') return undefined;
  if (upstreamId === call.session?.id) return call.callerSession;
  const sealed = call.handles?.seal('session', writeSession({ id: upstreamId, listChanged }));
  if (sealed === undefined) throw refused(answer, invalid(call, 'its session id cannot be sealed'));
  return sealed;
}
