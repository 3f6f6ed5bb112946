/**
 * Which headers cross the gateway, in both directions: two allow-lists, so that what nobody thought of stays outside.
 * Pure; the stages that know them add the hop headers, the upstream's credentials and the sealed session id.
 * Invariant: no credential, cookie, forwarding, hop-by-hop or `portolan-*` header of a client reaches an upstream, and none of an
 * upstream's reaches a client.
 */
import type { Era } from '@portolan/core';

export type HeaderPair = readonly [name: string, value: string];

/** What goes out beside the caller's headers. */
export interface OutgoingRequest {
  readonly era: Era;
  /** Legacy: the id to send as `mcp-session-id`: upstream's own at the handling gateway, the sealed one on the way to a peer. */
  readonly sessionId: string | undefined;
  /** Our own span (`writeTraceparent`). */
  readonly traceparent: string;
}

/** What comes back beside the upstream's headers. */
export interface ReturnedAnswer {
  readonly era: Era;
  /** True where the bytes of the body are passed on as they are: only then does their length hold. */
  readonly bytesUnchanged: boolean;
  /** Legacy: the sealed id for the caller. */
  readonly sessionId: string | undefined;
}

const CARRIED = new Set(['accept', 'accept-language', 'content-type', 'user-agent', 'tracestate']);
const RETURNED = new Set(['content-type', 'cache-control', 'x-accel-buffering', 'retry-after', 'allow']);

/** `mcp-session-id` is never copied: only who sealed or opened it knows which side may see which. */
const isMcp = (name: string): boolean => name.startsWith('mcp-') && name !== 'mcp-session-id';

/** Name (in lower case) and value of each. */
function pairs(raw: readonly string[]): readonly HeaderPair[] {
  const found: HeaderPair[] = [];
  for (let i = 1; i < raw.length; i += 2) found.push([(raw[i - 1] ?? '').toLowerCase(), raw[i] ?? '']);
  return found;
}

function namedByConnection(headers: readonly HeaderPair[]): ReadonlySet<string> {
  const names = new Set<string>();
  for (const [name, value] of headers) {
    if (name === 'connection') for (const option of value.split(',')) names.add(option.trim().toLowerCase());
  }
  return names;
}

/** Header names that the sender's `Connection` makes hop-by-hop (RFC 9110 §7.6.1). */
export const connectionNames = (raw: readonly string[]): ReadonlySet<string> => namedByConnection(pairs(raw));

/** Does the request carry any header that only gateways may send? Refused (`hop_header_spoofed`) from all but an authenticated peer. */
export const claimsHop = (raw: readonly string[]): boolean => pairs(raw).some(([name]) => name.startsWith('portolan-'));

/** Headers of a request on its way to an upstream or a peer; `raw` is node's `rawHeaders`. Of a repeated header the first counts. */
export function requestHeaders(raw: readonly string[], out: OutgoingRequest): HeaderPair[] {
  const sent = pairs(raw);
  const dropped = namedByConnection(sent);
  const carried = new Map<string, string>();
  for (const [name, value] of sent) {
    const wanted = CARRIED.has(name) || isMcp(name) || (name === 'last-event-id' && out.era === 'legacy');
    if (wanted && !dropped.has(name) && !carried.has(name)) carried.set(name, value);
  }
  // an encoded answer could not be opened where it is a list
  carried.set('accept-encoding', 'identity');
  carried.set('traceparent', out.traceparent);
  if (out.sessionId !== undefined && out.era === 'legacy') carried.set('mcp-session-id', out.sessionId);
  return [...carried];
}

/** Headers of an upstream's or a peer's answer as the caller gets them; `headers` has lower-case names. Of a repeated header the first counts. */
export function responseHeaders(
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
  out: ReturnedAnswer,
): Record<string, string> {
  const returned: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    const text = typeof value === 'object' ? value[0] : value;
    const wanted = RETURNED.has(name) || isMcp(name) || (name === 'content-length' && out.bytesUnchanged);
    if (wanted && text !== undefined) returned[name] = text;
  }
  if (out.sessionId !== undefined && out.era === 'legacy') returned['mcp-session-id'] = out.sessionId;
  return returned;
}

/** Is the body in any encoding but identity? It must then be refused: we asked for none, and a list in it could not be filtered. */
export function isEncoded(headers: Readonly<Record<string, string | readonly string[] | undefined>>): boolean {
  const value = headers['content-encoding'];
  const text = typeof value === 'object' ? value.join(',') : (value ?? '');
  return text.split(',').some((coding) => !['', 'identity'].includes(coding.trim().toLowerCase()));
}
