/**
 * What goes out beside the caller's own bytes. To a server: its own session id and our span. To a peer: the hop, and the caller's proof.
 * Invariant: the caller's credential is in neither; a session id is opened by the handling gateway alone, for the principal and server it was made for.
 */
import {
  CALLER_HEADER,
  callMs,
  HOP_HEADER,
  refuse,
  spliceTraceparent,
  writeCaller,
  writeHop,
  writeTraceparent,
} from '@portolan/core';
import { type Armed, type Gateway, pass, type Routed } from '../context.ts';
import type { Exchange } from '../ports.ts';
import { requestHeaders } from '../stream/headers.ts';
import { sessionPrincipal } from '../stream/session-principal.ts';

export function inject(call: Routed, gateway: Gateway): Armed {
  const upstreamSession = call.to.kind === 'upstream' ? openSession(call, gateway) : undefined;
  const sessionId = call.to.kind === 'upstream' ? upstreamSession : call.callerSession;
  const traceparent = writeTraceparent(call.trace);
  const headers = requestHeaders(call.head, { era: call.era, sessionId, traceparent });
  if (call.to.kind === 'peer') headers.push(...hopHeaders(call, call.to.gateway, gateway));
  const body = call.bytes && call.message && spliceTraceparent(call.bytes, call.message, traceparent);
  call.flight.openEnded = mayBeQuiet(call);
  const exchange: Exchange = {
    method: call.method as Exchange['method'],
    headers,
    body,
    ending: call.flight,
  };
  return pass(call, { exchange, upstreamSession });
}

function openSession(call: Routed, { sessions }: Gateway): string | undefined {
  if (call.callerSession === undefined) return undefined;
  const binding = sessions.open(call.callerSession);
  const ours = binding?.server === call.server.name && binding.principal === sessionPrincipal(call.principal);
  if (!binding || !ours) throw refuse('session_not_found');
  return binding.upstreamId;
}

function hopHeaders(call: Routed, to: string, { limits, clock }: Gateway): readonly string[] {
  const { name } = call.tables.self;
  if (!call.proofFor) throw refuse('hop_loop', { detail: `a call from ${call.hop?.entry} cannot go on to ${to}` });
  const deadlineMs = callMs(call.server, limits.callMs) - (clock.monotonic() - call.startedAt);
  const hop = writeHop({ id: call.requestId, entry: name, hops: 1, via: [name], deadlineMs });
  return [HOP_HEADER, hop, CALLER_HEADER, writeCaller(call.proofFor(to))];
}

/** GET and `subscriptions/listen` are streams on which nothing may happen for hours. */
const mayBeQuiet = (call: Routed): boolean => call.method === 'GET' || call.message?.method === 'subscriptions/listen';
