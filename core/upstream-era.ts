/**
 * Which protocol eras an MCP server speaks, told from its answers to a probe: `server/discover` first, then `initialize`, then a bare GET
 * (MCP 2026-07-28, basic/versioning; 2025-11-25, basic/transports "Backwards Compatibility"). Pure; whoever probes sends and reads.
 * Codes decide, never texts. Invariant: 401, 403, 429, 5xx and silence decide nothing about the era.
 */
import { z } from 'zod';
import { isModernVersion } from './era.ts';

/** `dual`: both. `http+sse`: the transport of 2024-11-05, which no gateway passes through. */
export const UpstreamEra = z.enum(['modern', 'legacy', 'dual', 'http+sse']);
export type UpstreamEra = z.infer<typeof UpstreamEra>;

/** `message`: the JSON-RPC answer, from a JSON body or a stream; undefined where there was none. */
export interface ProbeAnswer {
  readonly status: number;
  readonly message: unknown;
}

/** What a server says of itself; `offersTools`: it declares the capability. */
export interface SelfDescription {
  readonly serverInfo: { readonly name: string; readonly version: string } | undefined;
  readonly offersTools: boolean;
}

/** It says nothing about the era. `there`: an MCP server may well be there, but does not let us ask. `expected` completes `upstream_invalid`. */
export interface Undecided {
  readonly kind: 'undecided';
  readonly there: boolean;
  readonly expected: string;
}
/** `self` is undefined where it refused to be asked, in the way of this era alone. */
export interface Modern {
  readonly kind: 'modern';
  readonly versions: readonly string[];
  readonly self: SelfDescription | undefined;
}
export interface Legacy {
  readonly kind: 'legacy';
  /** What it settled on. */
  readonly version: string;
  readonly self: SelfDescription;
}

/** `ask-again`: with this version. `initialize`: it is not modern, as far as this answer goes. */
export type DiscoverVerdict =
  | Modern
  | Undecided
  | { readonly kind: 'ask-again'; readonly version: string }
  | { readonly kind: 'initialize' };
/** `stream`: send a bare GET. */
export type InitializeVerdict = Legacy | Modern | Undecided | { readonly kind: 'stream' };

const HEADER_MISMATCH = -32020;
const MISSING_CAPABILITY = -32021;
const UNSUPPORTED_VERSION = -32022;
const METHOD_NOT_FOUND = -32601;

const Versions = z.array(z.string());
const Capabilities = z.looseObject({ tools: z.unknown() }).partial().optional().catch(undefined);
const Info = z.object({ name: z.string(), version: z.string() }).optional().catch(undefined);
const Failed = z.object({ error: z.object({ code: z.number(), data: z.unknown().optional() }) });
const Discovered = z.object({
  result: z.looseObject({
    supportedVersions: Versions,
    capabilities: Capabilities,
    _meta: z.looseObject({ 'io.modelcontextprotocol/serverInfo': Info }).optional().catch(undefined),
  }),
});
const Initialized = z.object({
  result: z.looseObject({ protocolVersion: z.string(), capabilities: Capabilities, serverInfo: Info }),
});
const Supported = z.object({ supported: Versions });

/** Of `server/discover`, asked with version `asked`. */
export function discoverVerdict(answer: ProbeAnswer, asked: string): DiscoverVerdict {
  const shut = closed(answer.status);
  if (shut) return shut;
  const found = Discovered.safeParse(answer.message).data?.result;
  if (found?.supportedVersions.some(isModernVersion)) {
    const { supportedVersions: versions, capabilities, _meta } = found;
    return { kind: 'modern', versions, self: described(capabilities, _meta?.['io.modelcontextprotocol/serverInfo']) };
  }
  const failed = modernFailure(answer);
  if (!failed) return { kind: 'initialize' };
  if (failed.code !== UNSUPPORTED_VERSION) return { kind: 'modern', versions: [asked], self: undefined };
  const other = failed.supported.filter((version) => isModernVersion(version) && version !== asked).sort();
  const version = other.at(-1);
  if (version !== undefined) return { kind: 'ask-again', version };
  const modern = failed.supported.length === 0 || failed.supported.some(isModernVersion);
  // a list without one of its versions means the other era, in the words of this one
  return modern ? { kind: 'modern', versions: failed.supported, self: undefined } : { kind: 'initialize' };
}

/** Of `initialize`. */
export function initializeVerdict(answer: ProbeAnswer): InitializeVerdict {
  const shut = closed(answer.status);
  if (shut) return shut;
  const found = Initialized.safeParse(answer.message).data?.result;
  if (found) {
    const { protocolVersion: version, capabilities, serverInfo } = found;
    return { kind: 'legacy', version, self: described(capabilities, serverInfo) };
  }
  const failed = modernFailure(answer);
  if (failed) return { kind: 'modern', versions: failed.supported, self: undefined };
  const { status } = answer;
  // this era answers a method that it has removed so; a legacy 404 has no such body
  if (status === 404 && errorOf(answer)?.code === METHOD_NOT_FOUND)
    return { kind: 'modern', versions: [], self: undefined };
  if (status === 400 || status === 404 || status === 405) return { kind: 'stream' };
  const code = errorOf(answer)?.code;
  const what = code === undefined ? `it answered ${status} without MCP` : `it refused initialize with ${code}`;
  return { kind: 'undecided', there: false, expected: what };
}

/** Of a bare GET, when `initialize` was answered with `refused`: the name of the stream's first event, undefined where there is no stream. */
export function streamVerdict(
  firstEvent: string | undefined,
  refused: number,
): { readonly kind: 'http+sse' } | Undecided {
  if (firstEvent === 'endpoint') return { kind: 'http+sse' };
  return { kind: 'undecided', there: false, expected: `it answered ${refused} to initialize` };
}

/** The statuses that say something about us, or about its health, and nothing about what it speaks. */
function closed(status: number): Undecided | undefined {
  if (status === 401 || status === 403 || status === 407) {
    const expected = `it answered ${status}: it asks for credentials that the gateway does not have`;
    return { kind: 'undecided', there: true, expected };
  }
  if (status === 429) return { kind: 'undecided', there: true, expected: 'it answered 429: it is asked too often' };
  if (status < 500 && status !== 408 && status !== 425) return undefined;
  return { kind: 'undecided', there: false, expected: `it answered ${status}` };
}

const errorOf = ({ message }: ProbeAnswer) => Failed.safeParse(message).data?.error;

/** An error that only modern servers know, with the versions that it lists. */
function modernFailure(
  answer: ProbeAnswer,
): { readonly code: number; readonly supported: readonly string[] } | undefined {
  const error = errorOf(answer);
  if (!error || ![HEADER_MISMATCH, MISSING_CAPABILITY, UNSUPPORTED_VERSION].includes(error.code)) return undefined;
  return { code: error.code, supported: Supported.safeParse(error.data).data?.supported ?? [] };
}

const described = (
  capabilities: { readonly tools?: unknown } | undefined,
  serverInfo: SelfDescription['serverInfo'],
): SelfDescription => ({ serverInfo, offersTools: capabilities?.tools !== undefined });
