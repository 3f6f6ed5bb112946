/**
 * What a browser must be told before it lets a page of another origin call us, and read what we answer (Fetch, "CORS protocol"). Pure; which origins
 * are served, gateway/edges.ts knows. No credentials mode: a token stands in a header that the page itself sends, never in a cookie.
 * `Access-Control-Allow-Private-Network` is not sent: browsers have given it up, and ask the person instead.
 */
import { CUSTOM_HEADERS } from '@portolan/core';

type Headers = Readonly<Record<string, string | string[] | undefined>>;

const METHODS = 'POST, GET, DELETE';
// table: what MCP clients send
const ALLOWED = [
  'Authorization',
  'Content-Type',
  'Accept',
  'MCP-Protocol-Version',
  'Mcp-Method',
  'Mcp-Name',
  'Mcp-Session-Id',
  'Last-Event-ID',
  CUSTOM_HEADERS,
].join(', ');
const EXPOSED = 'Mcp-Session-Id, WWW-Authenticate, X-Request-Id, Retry-After';
/** There is no wildcard for a prefix, so those that are asked for are named again. */
const PARAMETER = /^mcp-param-[!#$%&'*+.^_`|~0-9a-z-]{1,100}$/i;
const MAX_NAMES = 64;
const MAX_AGE_SECONDS = '7200';

/** Is this the question whether a call may be made? Any other OPTIONS is a method that we do not have. */
export const isPreflight = ({ method, headers }: { readonly method: string; readonly headers: Headers }): boolean =>
  method === 'OPTIONS' && headers.origin !== undefined && headers['access-control-request-method'] !== undefined;

/** Flat: what a preflight is answered beside `corsHeaders`. `asked`: the value of `Access-Control-Request-Headers`. */
export function preflightHeaders(asked: string): string[] {
  const names = asked.split(',', MAX_NAMES).map((name) => name.trim());
  const parameters = names.filter((name) => PARAMETER.test(name)).map((name) => `, ${name}`);
  return [
    'access-control-allow-methods',
    METHODS,
    'access-control-allow-headers',
    ALLOWED + parameters.join(''),
    'access-control-max-age',
    MAX_AGE_SECONDS,
  ];
}

/** Flat: what every answer to this origin has, refusals too, or the page could not read them. `origin` must be one that is served. */
export const corsHeaders = (origin: string): string[] => [
  'access-control-allow-origin',
  origin,
  'access-control-expose-headers',
  EXPOSED,
  'vary',
  'Origin',
];
