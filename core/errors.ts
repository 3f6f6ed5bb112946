/**
 * The one table of everything that can be refused or fail, and the error that carries it.
 * Nothing else in the gateway builds an error reply: code throws `refuse('server_not_found', { detail, cause })`, server.ts maps it once.
 * Invariant: `says` is public and holds nothing a stranger should not know; `detail` and `cause` go to the log alone.
 */

/** How the audit names an outcome: the caller was refused, or something behind us failed. */
export type AuditOutcome = 'refused' | 'failed';

/**
 * - `http`: HTTP status.
 * - `rpc`: JSON-RPC error code. Our own lie outside -32768..-32000, which JSON-RPC and MCP reserve.
 * - `retry`: may the same request succeed unchanged a little later.
 * - `says`: the public sentence; `{hop}`, `{name}` and `{expected}` are filled from the refusal.
 */
export interface Fault {
  readonly http: number;
  readonly rpc: number;
  readonly audit: AuditOutcome;
  readonly retry: boolean;
  readonly says: string;
}

// table
export const faults = {
  // the caller's own token: 401 and nothing else is 401
  token_missing: {
    http: 401,
    rpc: 40101,
    audit: 'refused',
    retry: false,
    says: 'A bearer token is required: send "Authorization: Bearer <token>".',
  },
  token_invalid: {
    http: 401,
    rpc: 40102,
    audit: 'refused',
    retry: false,
    says: 'The bearer token is not valid: it is malformed, unknown, revoked or expired.',
  },
  token_expired: {
    http: 401,
    rpc: 40103,
    audit: 'refused',
    retry: false,
    says: 'The bearer token has expired: issue a new one.',
  },
  // a gateway that is not who it must be
  peer_certificate: {
    http: 403,
    rpc: 40301,
    audit: 'refused',
    retry: false,
    says: 'This mesh certificate is not accepted here.',
  },
  peer_unknown: {
    http: 403,
    rpc: 40302,
    audit: 'refused',
    retry: false,
    says: 'This gateway is not an active peer of gateway {hop}.',
  },
  proof_invalid: {
    http: 403,
    rpc: 40303,
    audit: 'refused',
    retry: false,
    says: 'The proof of the caller does not hold at gateway {hop}.',
  },
  origin_refused: {
    http: 403,
    rpc: 40304,
    audit: 'refused',
    retry: false,
    says: 'Pages of this Origin may not call here: add it to allowedOrigins of this gateway.',
  },
  host_refused: {
    http: 421,
    rpc: 42101,
    audit: 'refused',
    retry: false,
    says: 'This gateway does not serve the requested host: call it by its URL, or add the name to its allowedHosts.',
  },
  // unknown, or not for this caller: the same bytes
  server_not_found: { http: 404, rpc: 40401, audit: 'refused', retry: false, says: 'Unknown MCP server: {name}' },
  no_grant: { http: 404, rpc: 40401, audit: 'refused', retry: false, says: 'Unknown MCP server: {name}' },
  path_not_found: {
    http: 404,
    rpc: 40402,
    audit: 'refused',
    retry: false,
    says: 'Nothing is served at this path. MCP servers are at /mcp/<server>.',
  },
  session_not_found: {
    http: 404,
    rpc: 40403,
    audit: 'refused',
    retry: false,
    says: 'Unknown session: send initialize again.',
  },
  event_not_found: {
    http: 400,
    rpc: 40004,
    audit: 'refused',
    retry: false,
    says: 'Unknown event id: open the stream without Last-Event-ID.',
  },
  task_not_found: { http: 200, rpc: -32602, audit: 'refused', retry: false, says: 'Unknown task.' },
  request_state_unknown: {
    http: 200,
    rpc: -32602,
    audit: 'refused',
    retry: false,
    says: 'Unknown requestState: send the request again without it.',
  },
  tool_not_found: { http: 200, rpc: -32602, audit: 'refused', retry: false, says: 'Unknown tool: {name}' },
  prompt_not_found: { http: 200, rpc: -32602, audit: 'refused', retry: false, says: 'Unknown prompt: {name}' },
  resource_not_found: { http: 200, rpc: -32602, audit: 'refused', retry: false, says: 'Unknown resource: {name}' },
  method_not_found: { http: 404, rpc: -32601, audit: 'refused', retry: false, says: 'Method not found: {name}' },
  // the request itself
  http_malformed: {
    http: 400,
    rpc: -32600,
    audit: 'refused',
    retry: false,
    says: 'The HTTP request is malformed: {expected}',
  },
  http_method: {
    http: 405,
    rpc: -32600,
    audit: 'refused',
    retry: false,
    says: 'This HTTP method is not allowed here: use POST, GET or DELETE.',
  },
  media_type: {
    http: 415,
    rpc: -32600,
    audit: 'refused',
    retry: false,
    says: 'Content-Type must be application/json, without Content-Encoding.',
  },
  body_too_large: {
    http: 413,
    rpc: -32600,
    audit: 'refused',
    retry: false,
    says: 'The request body is larger than {expected}.',
  },
  parse_error: {
    http: 400,
    rpc: -32700,
    audit: 'refused',
    retry: false,
    says: 'The body is not valid JSON: {expected}',
  },
  duplicate_key: {
    http: 400,
    rpc: -32700,
    audit: 'refused',
    retry: false,
    says: 'The body holds a key twice in one object: {name}',
  },
  too_complex: {
    http: 400,
    rpc: -32600,
    audit: 'refused',
    retry: false,
    says: 'The body is nested too deep or holds too many keys: {expected}',
  },
  batch_refused: {
    http: 400,
    rpc: -32600,
    audit: 'refused',
    retry: false,
    says: 'JSON-RPC batches are not accepted: send one message a request.',
  },
  invalid_request: {
    http: 400,
    rpc: -32600,
    audit: 'refused',
    retry: false,
    says: 'The body is not a valid JSON-RPC message: {expected}',
  },
  invalid_params: {
    http: 400,
    rpc: -32602,
    audit: 'refused',
    retry: false,
    says: 'A required parameter is missing or malformed: {expected}',
  },
  header_mismatch: {
    http: 400,
    rpc: -32020,
    audit: 'refused',
    retry: false,
    says: 'A header contradicts the body: {expected}',
  },
  capability_missing: {
    http: 400,
    rpc: -32021,
    audit: 'refused',
    retry: false,
    says: 'This method belongs to the extension io.modelcontextprotocol/tasks, which the client does not declare.',
  },
  protocol_version: {
    http: 400,
    rpc: -32022,
    audit: 'refused',
    retry: false,
    says: 'This protocol version is not supported: {name}',
  },
  custom_headers: {
    http: 400,
    rpc: 40003,
    audit: 'refused',
    retry: false,
    says: 'The header x-tfy-mcp-headers cannot be used: {expected}',
  },
  hop_header_spoofed: {
    http: 400,
    rpc: 40001,
    audit: 'refused',
    retry: false,
    says: 'Headers that start with "portolan-" are for gateways only.',
  },
  hop_header_malformed: {
    http: 400,
    rpc: 40002,
    audit: 'refused',
    retry: false,
    says: 'The hop headers of this gateway are malformed.',
  },
  // the way
  hop_loop: {
    http: 508,
    rpc: 50801,
    audit: 'failed',
    retry: false,
    says: 'The call came back to a gateway that it had passed.',
  },
  no_route: {
    http: 502,
    rpc: 50201,
    audit: 'failed',
    retry: false,
    says: 'Gateway {hop} is not a peer of this gateway: the two must stand in one Mesh.',
  },
  peer_down: { http: 502, rpc: 50202, audit: 'failed', retry: true, says: 'Gateway {hop} did not answer.' },
  peer_failed: {
    http: 502,
    rpc: 50203,
    audit: 'failed',
    retry: true,
    says: 'The connection to gateway {hop} broke off.',
  },
  peer_refused_us: {
    http: 502,
    rpc: 50204,
    audit: 'failed',
    retry: false,
    says: 'Gateway {hop} refused this gateway.',
  },
  peer_untrusted: {
    http: 502,
    rpc: 50205,
    audit: 'failed',
    retry: false,
    says: 'What answers for gateway {hop} did not prove that it is this gateway.',
  },
  peer_timeout: { http: 504, rpc: 50401, audit: 'failed', retry: true, says: 'Gateway {hop} did not answer in time.' },
  upstream_down: {
    http: 502,
    rpc: 50211,
    audit: 'failed',
    retry: true,
    says: 'MCP server {name} did not answer at gateway {hop}.',
  },
  upstream_failed: {
    http: 502,
    rpc: 50212,
    audit: 'failed',
    retry: true,
    says: 'The connection from gateway {hop} to MCP server {name} broke off.',
  },
  upstream_out_of_reach: {
    http: 502,
    rpc: 50213,
    audit: 'failed',
    retry: false,
    says: 'MCP server {name} lies outside the networks and ports that gateway {hop} may dial: add it to upstreamCidrs there, or move it.',
  },
  upstream_invalid: {
    http: 502,
    rpc: 50214,
    audit: 'failed',
    retry: false,
    says: 'MCP server {name} gave an answer that gateway {hop} could not accept: {expected}',
  },
  upstream_timeout: {
    http: 504,
    rpc: 50411,
    audit: 'failed',
    retry: true,
    says: 'MCP server {name} did not answer gateway {hop} in time: {expected}.',
  },
  // this gateway
  snapshot_absent: {
    http: 503,
    rpc: 50301,
    audit: 'failed',
    retry: true,
    says: 'Gateway {hop} has no configuration yet.',
  },
  snapshot_stale: {
    http: 503,
    rpc: 50302,
    audit: 'failed',
    retry: true,
    says: 'The configuration of gateway {hop} is too old to be trusted.',
  },
  audit_unavailable: {
    http: 503,
    rpc: 50303,
    audit: 'failed',
    retry: true,
    says: 'Gateway {hop} cannot record this call, so it does not make it.',
  },
  overloaded: { http: 503, rpc: 50304, audit: 'failed', retry: true, says: 'Gateway {hop} has too much to do.' },
  draining: { http: 503, rpc: 50305, audit: 'failed', retry: true, says: 'Gateway {hop} is shutting down.' },
  caller_left: { http: 499, rpc: 49901, audit: 'failed', retry: true, says: 'The caller closed the connection.' },
  internal: {
    http: 500,
    rpc: -32603,
    audit: 'failed',
    retry: false,
    says: 'Gateway {hop} failed. Its log has the details under this request id.',
  },
} as const satisfies Record<string, Fault>;

export type FaultCode = keyof typeof faults;

/** The code that a caller reads: that a server exists but is not for him stands in the audit alone. */
export const publicCode = (code: FaultCode): FaultCode => (code === 'no_grant' ? 'server_not_found' : code);

/** What a refusal may carry. `name`, `hop` and `expected` fill the public sentence; `detail` and `cause` stay in the log. */
export interface RefusalContext {
  readonly name?: string | undefined;
  readonly hop?: string | undefined;
  readonly expected?: string | undefined;
  readonly detail?: string | undefined;
  readonly cause?: unknown;
}

/** A request refused or failed, with its code. The message is the log's; `publicSentence` makes the caller's. */
export class Refusal extends Error {
  readonly code: FaultCode;
  readonly context: RefusalContext;

  constructor(code: FaultCode, context: RefusalContext) {
    super(context.detail === undefined ? code : `${code}: ${context.detail}`, { cause: context.cause });
    this.name = 'Refusal';
    this.code = code;
    this.context = context;
  }

  get fault(): Fault {
    return faults[this.code];
  }
}

export const refuse = (code: FaultCode, context: RefusalContext = {}): Refusal => new Refusal(code, context);

/** The sentence for the caller; `self` is the gateway that refused where no other is named. Names come from callers, so they are cut at 200 characters. */
export function publicSentence(refusal: Refusal, self = ''): string {
  const { name, hop = self, expected } = refusal.context;
  const filled: Record<string, string | undefined> = { name, hop, expected };
  return refusal.fault.says.replace(/\{(name|hop|expected)\}/g, (_, key: string) => (filled[key] ?? '').slice(0, 200));
}
