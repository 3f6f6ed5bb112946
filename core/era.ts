/**
 * Which protocol era a request belongs to, and whether a modern one's headers say what its body says
 * (MCP 2026-07-28, basic/transports/streamable-http, "Request headers"; SEP-2243). The body decides; headers are only compared.
 * No access decision may rest on the era: modern markers can be forged. Never throws.
 * Invariant: a modern request that passes has the same method, name and version in headers and body, as every later hop will read them.
 */
import { isUtf8 } from 'node:buffer';
import type { FaultCode } from './errors.ts';
import type { Scanned } from './scan.ts';

/** `modern`: revision 2026-07-28 and later, stateless. `legacy`: 2025-11-25 and earlier, with `initialize` and sessions. */
export type Era = 'modern' | 'legacy';

export interface EraRefusal {
  readonly fault: FaultCode;
  readonly name: string | undefined;
  readonly expected: string | undefined;
}

/** Headers as node:http gives them: lower-case names, values of a repeated header joined with `, `. */
export type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

const FIRST_MODERN = '2026-07-28';
const DATE = /^\d{4}-\d{2}-\d{2}$/;

/**
 * Is this version modern? Every date from 2026-07-28 on is, known to us or not: the gateway passes through, and -32022 with the list of
 * supported versions is the answer of the server, which alone implements one.
 */
export const isModernVersion = (version: string): boolean => DATE.test(version) && version >= FIRST_MODERN;

/** One value without the blanks around it (RFC 9110 OWS: space and tab only). */
function header(headers: Headers, name: string): string | undefined {
  const value = headers[name];
  const text = typeof value === 'object' ? value.join(', ') : value;
  if (text === undefined) return undefined;
  let start = 0;
  let end = text.length;
  const blank = (at: number): boolean => text[at] === ' ' || text[at] === '\t';
  while (start < end && blank(start)) start += 1;
  while (end > start && blank(end - 1)) end -= 1;
  return text.slice(start, end);
}

const SENTINEL = /^=\?base64\?([A-Za-z0-9+/]*={0,2})\?=$/;

/** The text of a header value, its base64 sentinel decoded; undefined for a sentinel with wrong alphabet, padding or UTF-8. */
export function decodeHeaderValue(value: string): string | undefined {
  if (!value.startsWith('=?base64?') || !value.endsWith('?=')) return value;
  const encoded = SENTINEL.exec(value)?.[1];
  if (encoded === undefined) return undefined;
  const bytes = Buffer.from(encoded, 'base64');
  return bytes.toString('base64') === encoded && isUtf8(bytes) ? bytes.toString() : undefined;
}

/** ASCII without controls or blanks at its ends, and not the sentinel itself (MCP 2026-07-28, "Value encoding"). */
const PLAIN = /^[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?$/;

/** The value of a header whose text is `text`: as it is, or in the base64 sentinel. */
export const encodeHeaderValue = (text: string): string =>
  PLAIN.test(text) && !(text.startsWith('=?base64?') && text.endsWith('?='))
    ? text
    : `=?base64?${Buffer.from(text).toString('base64')}?=`;

const refusal = (fault: FaultCode, expected: string): EraRefusal => ({ fault, name: undefined, expected });

const VERSIONS_DIFFER = 'MCP-Protocol-Version must equal the version in "_meta"';

/** Methods whose `Mcp-Name` must be there; tasks/* are compared where they have one (the tasks extension alone asks for it). */
const NAMED = new Set(['tools/call', 'prompts/get', 'resources/read']);

function checkName(message: Scanned, headers: Headers): EraRefusal | undefined {
  const { method, target } = message;
  if (method === undefined || !(NAMED.has(method) || method.startsWith('tasks/'))) return undefined;
  const value = header(headers, 'mcp-name');
  if (value === undefined) return NAMED.has(method) ? refusal('header_mismatch', 'Mcp-Name is required') : undefined;
  if (target !== undefined && decodeHeaderValue(value) === target) return undefined;
  return refusal('header_mismatch', 'Mcp-Name must name what the body names');
}

/** `Mcp-Param-*` is not compared: only who knows the tool's schema knows which argument it mirrors. */
function checkModern(message: Scanned, stated: string | undefined, headers: Headers): EraRefusal | undefined {
  const request = message.kind === 'request';
  if (stated === undefined ? request : stated !== message.meta?.protocolVersion) {
    return refusal('header_mismatch', VERSIONS_DIFFER);
  }
  const method = header(headers, 'mcp-method');
  if (method === undefined ? request : method !== message.method) {
    return refusal('header_mismatch', 'Mcp-Method must equal the method of the body');
  }
  if (!request) return undefined;
  if (!message.meta?.clientCapabilities) {
    return refusal('invalid_params', '"io.modelcontextprotocol/clientCapabilities" in "_meta"');
  }
  return checkName(message, headers);
}

/**
 * Modern is what has `io.modelcontextprotocol/protocolVersion` in `params._meta`; all else is legacy, whose `Mcp-*` headers decide nothing.
 * Refuses with `header_mismatch` (-32020), `invalid_params` (-32602: a required `_meta` field, or all of `_meta`, is missing),
 * `protocol_version` (-32022: a version in `_meta`, and in no header another, that no revision with `_meta` ever had), `invalid_request` (a response in modern dress).
 * Notifications need no headers (the revision has none for them), but what they have must be right.
 */
export function classifyRequest(message: Scanned, headers: Headers): { readonly era: Era } | EraRefusal {
  const version = message.meta?.protocolVersion;
  if (version === null) return refusal('invalid_params', '"io.modelcontextprotocol/protocolVersion" to be a string');
  const stated = header(headers, 'mcp-protocol-version');
  if (version !== undefined) {
    if (isModernVersion(version)) return checkModern(message, stated, headers) ?? { era: 'modern' };
    const other = stated !== undefined && stated !== version;
    return other
      ? refusal('header_mismatch', VERSIONS_DIFFER)
      : { fault: 'protocol_version', name: version, expected: undefined };
  }
  if (stated === undefined || !isModernVersion(stated)) return { era: 'legacy' };
  if (message.kind === 'notification') return { era: 'modern' };
  if (message.kind === 'response')
    return refusal('invalid_request', 'no response: this revision has none from clients');
  return refusal('invalid_params', '"io.modelcontextprotocol/protocolVersion" in "_meta"');
}
