/**
 * `x-tfy-mcp-headers`: headers that a caller gives for the MCP server alone, as one JSON object, name → value. Which names a server may be registered
 * with, what of the header's text is read, and what of it that server takes.
 * Invariant: none of them can say what the gateway itself says or keeps back: framing, host, forwarding, trace, session, MCP's own headers.
 */
import { JsonCursor, JsonFault } from './json-cursor.ts';

export const CUSTOM_HEADERS = 'x-tfy-mcp-headers';

/** What a registration says of them. */
export interface TakenHeaders {
  /** In any case of letters. */
  readonly names: readonly string[];
  /** May `Authorization` be among them? Default: no. */
  readonly mayOverrideAuth?: boolean | undefined;
}

const MAX_BYTES = 8192;
const MAX_HEADERS = 32;

/** RFC 9110 §5.6.2, `token`. */
const NAME = /^[!#$%&'*+.^_`|~0-9a-z-]{1,100}$/;
/** RFC 9110 §5.5, `field-value`, without what stands outside ASCII: two readers would not see the same text. */
const VALUE = /^(?:[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?)?$/;

// table: whose they are
const RESERVED = new RegExp(
  `^(?:${[
    'host|origin|cookie2?|set-cookie2?|expect|last-event-id|sec-.*', // the caller's connection to us
    'content-.*|accept|accept-encoding|range|if-.*', // the body, and how it is answered
    'accept-language|user-agent', // carried from the caller's own request
    'mcp-.*|portolan-.*|x-tfy-.*',
    'connection|keep-alive|te|trailers?|transfer-encoding|upgrade|http2-settings|proxy-.*', // hop-by-hop, RFC 9110 §7.6.1
    'forwarded|x-forwarded(?:-.*)?|via|max-forwards|x-real-ip|true-client-ip|x-client-ip|x-cluster-client-ip|cf-connecting-ip', // forwarding
    'x-original-.*|x-rewrite-url|x-(?:http-)?method(?:-override)?', // another request than was decided on
    'traceparent|tracestate|baggage|b3|x-b3-.*|uber-trace-id|x-amzn-trace-id|x-cloud-trace-context', // trace
  ].join('|')})$`,
);

/** May a server be registered with this header name? Any case of letters. `Authorization` may; see `mayOverrideAuth`. */
export function isRegistrable(name: string): boolean {
  const lower = name.toLowerCase();
  // servers behind CGI's rules (RFC 3875 §4.1.18) read both marks as one
  return NAME.test(lower) && !RESERVED.test(lower.replaceAll('_', '-'));
}

/** Flat: lower-case name, value, name, value, …; or what was expected of the text, without anything of its values. */
export type ReadHeaders = { readonly headers: readonly string[] } | { readonly expected: string };

/** Reads the header's value, given as node gives header values: one character a byte. */
export function readCustomHeaders(text: string): ReadHeaders {
  if (text.length > MAX_BYTES) return { expected: `at most ${MAX_BYTES} bytes` };
  try {
    return readObject(Buffer.from(text, 'latin1'));
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error;
    return { expected: error.code === 'duplicate_key' ? `${error.says} stands there twice` : error.says };
  }
}

function readObject(bytes: Buffer): ReadHeaders {
  const cursor = new JsonCursor(bytes, { depth: 2, keys: MAX_HEADERS, unique: true });
  const headers: string[] = [];
  let wrong: string | undefined;
  cursor.object((key) => {
    const name = key.toLowerCase();
    const value = cursor.atString ? cursor.string() : void cursor.skip();
    wrong ??= faultOf(name, value, headers);
    if (wrong === undefined && value !== undefined) headers.push(name, value);
  });
  cursor.end();
  return wrong === undefined ? { headers } : { expected: wrong };
}

function faultOf(name: string, value: string | undefined, before: readonly string[]): string | undefined {
  if (!NAME.test(name)) return `${name} is no header name`;
  if (value === undefined) return `the value of ${name} must be a string`;
  if (!VALUE.test(value)) return `the value of ${name} must be printable ASCII without blanks at its ends`;
  if (before.some((known, i) => i % 2 === 0 && known === name)) return `${name} stands there twice`;
  return undefined;
}

/** The first of these headers (flat, lower-case names) that the server does not take; undefined where it takes all. */
export function untakenHeader(headers: readonly string[], taken: TakenHeaders | undefined): string | undefined {
  return headers.find((name, i) => i % 2 === 0 && !takes(taken, name));
}

function takes(taken: TakenHeaders | undefined, name: string): boolean {
  if (!taken?.names.some((known) => known.toLowerCase() === name)) return false;
  // asked again here: who signed the registration may be older than the list of what is reserved
  return isRegistrable(name) && (name !== 'authorization' || taken.mayOverrideAuth === true);
}
