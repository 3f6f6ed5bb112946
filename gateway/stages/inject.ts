/**
 * What goes out beside the caller's own bytes. To a server: its own handles, our span, and the headers that the caller gives for it. To a peer: the hop,
 * the caller's proof, and those headers as they came.
 * Invariant: the caller's credential is in neither; a handle is opened by the handling gateway alone, for the principal and server it was made for.
 */
import {
  CALLER_HEADER,
  CUSTOM_HEADERS,
  callMs,
  HOP_HEADER,
  readCustomHeaders,
  refuse,
  spliceTraceparent,
  untakenHeader,
  writeCaller,
  writeHop,
  writeTraceparent,
} from '@portolan/core';
import { type Armed, type Gateway, pass, type Routed } from '../context.ts';
import type { Exchange } from '../ports.ts';
import { CallerHandles } from '../stream/caller-handles.ts';
import { requestHeaders } from '../stream/headers.ts';
import { openBody, openEvent, openSession } from '../stream/open-handles.ts';
import { readSession } from '../stream/upstream-session.ts';

export function inject(call: Routed, gateway: Gateway): Armed {
  const handles = call.to.kind === 'upstream' ? new CallerHandles(gateway.sealer, call) : undefined;
  const sealed = handles && openSession(call.callerSession, handles);
  const session = sealed === undefined ? undefined : readSession(sealed);
  const opened = handles && openBody(call.message, handles);
  const traceparent = writeTraceparent(call.trace);
  const headers = requestHeaders(call.head, {
    era: call.era,
    sessionId: handles ? session?.id : call.callerSession,
    lastEventId: handles ? openEvent(call, handles) : call.head.lastEventId,
    mcpName: opened?.name,
    traceparent,
  });
  const { customHeaders } = call.head;
  if (customHeaders !== undefined) headers.push(...ownHeaders(call, customHeaders));
  if (call.to.kind === 'peer') headers.push(...hopHeaders(call, call.to.gateway, gateway));
  const body = call.bytes && call.message && spliceTraceparent(call.bytes, call.message, traceparent, opened?.cuts);
  call.flight.openEnded = mayBeQuiet(call);
  const exchange: Exchange = {
    method: call.method as Exchange['method'],
    headers,
    body,
    ending: call.flight,
  };
  return pass(call, { exchange, handles, session });
}

function hopHeaders(call: Routed, to: string, { limits, clock }: Gateway): readonly string[] {
  const { name } = call.tables.self;
  if (!call.proofFor) throw refuse('hop_loop', { detail: `a call from ${call.hop?.entry} cannot go on to ${to}` });
  const deadlineMs = callMs(call.server, limits.callMs) - (clock.monotonic() - call.startedAt);
  const hop = writeHop({ id: call.requestId, entry: name, hops: 1, via: [name], deadlineMs });
  return [HOP_HEADER, hop, CALLER_HEADER, writeCaller(call.proofFor(to))];
}

/** What the caller gives for the server alone. Which of it the server takes, the gateway decides that sends it there. */
function ownHeaders({ server, to }: Routed, text: string): readonly string[] {
  const read = readCustomHeaders(text);
  if ('expected' in read) throw refuse('custom_headers', { expected: read.expected });
  if (to.kind === 'peer') return [CUSTOM_HEADERS, text];
  const untaken = untakenHeader(read.headers, server.headers);
  if (untaken === undefined) return read.headers;
  throw refuse('custom_headers', { expected: `MCP server ${server.name} is not registered to take ${untaken}` });
}

/** GET and `subscriptions/listen` are streams on which nothing may happen for hours. */
const mayBeQuiet = (call: Routed): boolean => call.method === 'GET' || call.message?.method === 'subscriptions/listen';
