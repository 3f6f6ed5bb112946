/**
 * Which headers cross the gateway, in both directions: two allow-lists, so that what nobody thought of stays outside.
 * Pure; the stages that know them add the hop headers, the upstream's credentials and the sealed session id.
 * Invariant: no credential, cookie, forwarding, hop-by-hop or `portolan-*` header of a client reaches an upstream, and none of an
 * upstream's reaches a client.
 */
import { CUSTOM_HEADERS, type Era } from '@portolan/core';

/** What one pass over the headers of a request finds. */
export interface RequestHead {
  /** How many there are in all, */
  readonly headers: number;
  /** and of what must be there once. */
  readonly hosts: number;
  readonly authorizations: number;
  /** An `mcp-*` header that is there more than once: two readers could see two. */
  readonly repeated: string | undefined;
  /** Is there any header that only gateways may send? Refused (`hop_header_spoofed`) from all but an authenticated peer. */
  readonly claimsHop: boolean;
  /** Header names that `Connection` makes hop-by-hop (RFC 9110 §7.6.1). */
  readonly hopByHop: ReadonlySet<string>;
  /** Flat: what may be passed on in either era. Of a repeated header the first counts. */
  readonly carried: readonly string[];
  readonly lastEventId: string | undefined;
  /** The text of `x-tfy-mcp-headers`; sent more than once, it is no JSON. */
  readonly customHeaders: string | undefined;
}

/** What goes out beside the caller's headers. */
export interface OutgoingRequest {
  readonly era: Era;
  /** Legacy: the id to send as `mcp-session-id`: upstream's own at the handling gateway, the sealed one on the way to a peer. */
  readonly sessionId: string | undefined;
  /** Legacy: likewise, to send as `last-event-id`. */
  readonly lastEventId: string | undefined;
  /** Takes the place of the caller's `mcp-name`, where there is one. */
  readonly mcpName: string | undefined;
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
const NONE: ReadonlySet<string> = new Set();

/** `mcp-session-id` is never copied: only who sealed or opened it knows which side may see which. */
const isMcp = (name: string): boolean => name.startsWith('mcp-') && name !== 'mcp-session-id';

/** `raw` is node's `rawHeaders`: name, value, name, value, … Once a request, because every header of every call passes here. */
export function readHead(raw: readonly string[]): RequestHead {
  let hosts = 0;
  let authorizations = 0;
  let repeated: string | undefined;
  let claimsHop = false;
  let connection: string | undefined;
  let lastEventId: string | undefined;
  let customHeaders: string | undefined;
  const carried: string[] = [];
  for (let i = 1; i < raw.length; i += 2) {
    const name = (raw[i - 1] ?? '').toLowerCase();
    const value = raw[i] ?? '';
    if (name === 'host') hosts += 1;
    else if (name === 'authorization') authorizations += 1;
    else if (name === 'connection') connection = connection === undefined ? value : `${connection},${value}`;
    else if (name === 'last-event-id') lastEventId ??= value;
    else if (name.startsWith('portolan-')) claimsHop = true;
    else if (name === CUSTOM_HEADERS) customHeaders = customHeaders === undefined ? value : `${customHeaders},${value}`;
    else {
      const mcp = isMcp(name);
      if (!mcp && !CARRIED.has(name)) continue;
      if (!carries(carried, name)) carried.push(name, value);
      else if (mcp) repeated = name;
    }
  }
  const hopByHop = connection === undefined ? NONE : namedBy(connection);
  return {
    headers: raw.length / 2,
    hosts,
    authorizations,
    repeated,
    claimsHop,
    hopByHop,
    carried: without(carried, hopByHop),
    lastEventId,
    customHeaders,
  };
}

function carries(flat: readonly string[], name: string): boolean {
  for (let i = 0; i < flat.length; i += 2) if (flat[i] === name) return true;
  return false;
}

/** `keep-alive` and `close` name no header. */
function namedBy(connection: string): ReadonlySet<string> {
  if (connection === 'keep-alive' || connection === 'close') return NONE;
  const options = connection.split(',').map((option) => option.trim().toLowerCase());
  return new Set(options.filter((option) => !['', 'keep-alive', 'close'].includes(option)));
}

const without = (flat: readonly string[], names: ReadonlySet<string>): readonly string[] =>
  names.size === 0 ? flat : flat.filter((_, i) => !names.has(flat[i - (i % 2)] ?? ''));

/** Headers of a request on its way to an upstream or a peer, flat. */
export function requestHeaders(head: RequestHead, out: OutgoingRequest): string[] {
  // an encoded answer could not be opened where it is a list
  const headers = [...head.carried, 'accept-encoding', 'identity', 'traceparent', out.traceparent];
  if (out.mcpName !== undefined) replace(headers, 'mcp-name', out.mcpName);
  if (out.era !== 'legacy') return headers;
  if (out.sessionId !== undefined) headers.push('mcp-session-id', out.sessionId);
  const resumes = out.lastEventId !== undefined && !head.hopByHop.has('last-event-id');
  if (resumes) headers.push('last-event-id', out.lastEventId);
  return headers;
}

function replace(flat: string[], name: string, value: string): void {
  for (let i = 0; i < flat.length; i += 2) if (flat[i] === name) flat[i + 1] = value;
}

/** Headers of an upstream's or a peer's answer as the caller gets them, flat; `headers` has lower-case names. Of a repeated header the first counts. */
export function responseHeaders(
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
  out: ReturnedAnswer,
): string[] {
  const returned: string[] = [];
  for (const name in headers) {
    if (!RETURNED.has(name) && !isMcp(name) && !(name === 'content-length' && out.bytesUnchanged)) continue;
    const value = headers[name];
    const text = typeof value === 'object' ? value[0] : value;
    if (text !== undefined) returned.push(name, text);
  }
  if (out.sessionId !== undefined && out.era === 'legacy') returned.push('mcp-session-id', out.sessionId);
  return returned;
}

/** Is the body in any encoding but identity? It must then be refused: we asked for none, and a list in it could not be filtered. */
export function isEncoded(headers: Readonly<Record<string, string | readonly string[] | undefined>>): boolean {
  const value = headers['content-encoding'];
  if (value === undefined) return false;
  const text = typeof value === 'object' ? value.join(',') : value;
  return text.split(',').some((coding) => !['', 'identity'].includes(coding.trim().toLowerCase()));
}
