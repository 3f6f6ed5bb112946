/**
 * The one place where a refusal becomes an answer: status, headers and a JSON-RPC error that says which hop refused and why.
 * Invariant: only the public sentence of the table goes out; detail and cause stay in the log.
 */
import { type FaultCode, publicCode, publicSentence, type Refusal, TASKS_EXTENSION } from '@portolan/core';
import type { Reply } from './context.ts';
import { challenge } from './stream/challenge.ts';

/** What of the request shows in the answer. */
export interface Refused {
  readonly requestId: string;
  /** As it stands in the body; undefined where there was none, or it was not read. */
  readonly idBytes: string | undefined;
  /** This gateway. */
  readonly self: string;
}

const RETRY_AFTER_SECONDS = '1';

export function rpcError(refusal: Refusal, { requestId, idBytes, self }: Refused): Buffer {
  const { code, context, fault } = refusal;
  const data = { code: publicCode(code), hop: context.hop ?? self, requestId, ...specified(refusal) };
  const error = JSON.stringify({ code: fault.rpc, message: publicSentence(refusal, self), data });
  return Buffer.from(`{"jsonrpc":"2.0","id":${idBytes ?? 'null'},"error":${error}}`);
}

/** What the specification wants to be in `data` (MCP 2026-07-28, `UnsupportedProtocolVersion` and `MissingRequiredClientCapability`). */
function specified({ code, context }: Refusal): object {
  if (code === 'protocol_version') return { supported: ['2026-07-28'], requested: context.name };
  if (code === 'capability_missing') return { requiredCapabilities: { extensions: { [TASKS_EXTENSION]: {} } } };
  return {};
}

export function refusalReply(refusal: Refusal, refused: Refused): Reply {
  const status = refusal.fault.http;
  const headers = ['content-type', 'application/json', ...hints(refusal.code, status)];
  return { status, headers, body: rpcError(refusal, refused), fault: refusal.code };
}

/** Headers that a status asks for. */
function hints(code: FaultCode, status: number): string[] {
  if (status === 401) return ['www-authenticate', challenge(code)];
  if (status === 405) return ['allow', 'POST, GET, DELETE'];
  if (status === 503) return ['retry-after', RETRY_AFTER_SECONDS];
  return [];
}
