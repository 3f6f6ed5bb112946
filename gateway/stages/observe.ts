/**
 * Wraps the whole request: exactly one audit record at this gateway, refusals included, and the counters. Outermost, because it must see all.
 * A browser's preflight that is granted is no call yet, and leaves none.
 * `failed` is what a gateway or the way failed at; a JSON-RPC error or a 4xx that the server itself gave is the server's answer: `success`.
 * A stream that lasts until the caller leaves ends well when he does; a call that he leaves has failed (`caller_left`).
 * Invariant: the record is appended before the last byte of the reply, and before the bytes that complete a response on a stream.
 */
import { type AuditRecord, continueTrace, type FaultCode, faults, Refusal, refuse } from '@portolan/core';
import type { Armed, Gateway, Received, Reply } from '../context.ts';
import type { RandomHex } from '../random-hex.ts';

type Serve = (request: Received, gateway: Gateway) => Promise<Reply>;
/** What a record needs to know; nothing of it needs to have been understood. */
type Recorded = Pick<Received, 'method' | 'headers' | 'requestId' | 'arrivedAt' | 'startedAt'> & Partial<Armed>;
/** How a request ended. */
interface Outcome {
  readonly http: number;
  readonly code: FaultCode | undefined;
}

export function observe(serve: Serve): Serve {
  return async (request, gateway) => {
    let reply: Reply;
    try {
      reply = await serve(request, gateway);
    } catch (error) {
      const refusal = request.flight.reason ?? asRefusal(error, request); // the first reason counts
      await record(request, outcomeOf(refusal), gateway);
      throw refusal;
    }
    if (reply.unrecorded) return reply;
    if (isStream(reply)) return { ...reply, body: recorded(request, reply, gateway) };
    await record(request, { http: reply.status, code: reply.fault }, gateway);
    return reply;
  };
}

type Stream = Reply & { readonly body: AsyncIterable<Buffer> };
const isStream = (reply: Reply): reply is Stream => reply.body !== undefined && !Buffer.isBuffer(reply.body);

const outcomeOf = (refusal: Refusal): Outcome => ({ http: refusal.fault.http, code: refusal.code });

function asRefusal(error: unknown, request: Partial<Armed>): Refusal {
  return error instanceof Refusal ? error : refuse('internal', { hop: request.tables?.self.name, cause: error });
}

async function* recorded(request: Received, reply: Stream, gateway: Gateway): AsyncGenerator<Buffer, void> {
  const ended: Outcome = { http: reply.status, code: reply.fault };
  // whoever stops reading has left
  let outcome: Outcome | undefined = reply.openEnded ? ended : { http: reply.status, code: 'caller_left' };
  const settle = async (): Promise<void> => {
    const told = outcome;
    outcome = undefined;
    if (told) await record(request, told, gateway);
  };
  try {
    for await (const chunk of reply.body) {
      if (reply.progress?.answered && outcome) {
        outcome = ended;
        await settle();
      }
      yield chunk;
    }
    if (outcome) outcome = ended;
  } catch (error) {
    const refusal = asRefusal(error, request);
    const endedWell = reply.openEnded && (refusal.code === 'caller_left' || refusal.code === 'draining');
    if (outcome && !endedWell) outcome = { http: reply.status, code: refusal.code };
    throw refusal;
  } finally {
    await settle();
  }
}

/** Records at once what never became a request that the pipeline sees, too: bytes that are no HTTP. */
export function record(call: Recorded, outcome: Outcome, gateway: Gateway): Promise<void> | undefined {
  const row = auditRecord(call, outcome, gateway);
  count(call, row, gateway);
  // one that was not let in for want of room is noted; whoever was let in has his room, whatever has become of it since
  const unadmitted = outcome.code === 'audit_unavailable' && !call.server;
  if (call.principal && !unadmitted) return append(row, call, gateway);
  gateway.audit.note(row);
  return undefined;
}

/** A reply that could not be recorded is not given. */
async function append(row: AuditRecord, call: Partial<Armed>, { audit, log }: Gateway): Promise<void> {
  try {
    await audit.append(row);
  } catch (error) {
    log.error({ err: error, request_id: row.request_id }, 'audit record could not be appended');
    throw refuse('audit_unavailable', { hop: call.tables?.self.name, cause: error });
  }
}

function auditRecord(call: Recorded, outcome: Outcome, { clock, identity, random }: Gateway): AuditRecord {
  const self = call.tables?.self.name ?? identity.current()?.gateway ?? '';
  const { principal, server, message } = call;
  return {
    timestamp: new Date(call.arrivedAt).toISOString(),
    request_id: call.requestId,
    trace_id: traceId(call, random),
    role: call.hop ? 'handling' : 'entry',
    gateway: self,
    entry_gateway: call.hop?.entry ?? self,
    handling_gateway: call.to === undefined ? null : call.to.kind === 'peer' ? call.to.gateway : self,
    proxy_hops: call.hop?.hops ?? (call.to?.kind === 'peer' ? 1 : 0),
    user: principal?.name ?? null,
    principal_kind: principal?.kind ?? null,
    token_id: principal?.tokenId ?? null,
    mcp_server: server?.name ?? null,
    method: cut(message?.method ?? (call.method === 'POST' || call.method === '' ? null : call.method)),
    tool: cut(message?.target ?? null),
    status: outcome.code === undefined ? 'success' : faults[outcome.code].audit,
    http_status: outcome.http,
    code: outcome.code ?? null,
    total_latency_ms: Math.round((clock.monotonic() - call.startedAt) * 1000) / 1000,
  };
}

/** Callers choose these texts: 512 characters at most, an ellipsis where more was cut off. */
const cut = (text: string | null): string | null =>
  text === null || text.length <= 512 ? text : `${text.slice(0, 511)}…`;

const traceId = ({ trace, headers }: Recorded, random: RandomHex): string =>
  (trace ?? continueTrace(random, String(headers.traceparent ?? ''))).traceId;

/** `mcp_requests_total` counts where the caller came in; what a peer did wrong is counted by who saw it. */
function count(call: Partial<Armed>, row: AuditRecord, { meter }: Gateway): void {
  if (row.role === 'handling') return;
  meter.request({ server: row.mcp_server ?? '', user: row.user ?? '', status: row.status });
  if (call.to?.kind !== 'peer') return;
  const way = { from: row.gateway, to: call.to.gateway };
  meter.proxied({ server: row.mcp_server ?? '', ...way }, row.total_latency_ms);
  if (row.code?.startsWith('peer_')) meter.hopError({ ...way, code: row.code });
}
