/**
 * Is this HTTP that every reader reads alike, meant for us? node:http refuses most malformed requests (RFC 9112); here is what it lets pass.
 * Origin and Host are checked because a browser may have been led here by a foreign page (DNS rebinding).
 * Invariant: nothing after this stage meets two Hosts, a target for another host, or a header that `Connection` takes away.
 */
import { refuse } from '@portolan/core';
import { type Accepted, type Gateway, passed, type Received } from '../context.ts';
import type { Door } from '../ports.ts';

/** No client has as many; between gateways a few more are added. */
const MAX_HEADERS = 240;
const METHODS = new Set(['POST', 'GET', 'DELETE']);
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;
const PROTECTED = /^(?:host|authorization|traceparent|accept|origin|expect|content-.*|mcp-.*|portolan-.*)$/;

export function accept(request: Received, gateway: Gateway): Accepted {
  checkFraming(request);
  const host = checkHost(request, gateway);
  checkOrigin(request, host);
  if (!METHODS.has(request.method)) throw refuse('http_method');
  return passed(request);
}

function checkFraming({ httpVersion, headers, head, target }: Received): void {
  if (httpVersion === '1.0' && headers['transfer-encoding'] !== undefined) {
    throw refuse('http_malformed', { expected: 'HTTP/1.0 has no Transfer-Encoding' });
  }
  if (head.headers > MAX_HEADERS) throw refuse('http_malformed', { expected: `at most ${MAX_HEADERS} headers` });
  if (head.hosts > 1) throw refuse('http_malformed', { expected: 'one Host header' });
  if (head.authorizations > 1) throw refuse('http_malformed', { expected: 'one Authorization header' });
  if (head.repeated !== undefined) throw refuse('http_malformed', { expected: `one ${head.repeated} header` });
  if (!target.startsWith('/') && URL.parse(target)?.host !== String(headers.host).toLowerCase()) {
    throw refuse('http_malformed', { expected: 'the target must name the same host as the Host header' });
  }
  for (const name of head.hopByHop) {
    if (PROTECTED.test(name)) throw refuse('http_malformed', { expected: `Connection must not name ${name}` });
  }
}

/** The host name that was asked for, without the port: a port forwarder or balancer may have another one. */
function checkHost({ headers, door }: Received, { registry }: Gateway): string {
  const host = String(headers.host ?? '')
    .replace(/:\d{1,5}$/, '')
    .toLowerCase();
  const self = registry.current()?.self;
  // before the first snapshot there is nothing to protect and no name to compare with
  if (self === undefined || door.kind === 'mesh') return host;
  if (host === hostOf(self.url) || LOOPBACK.test(host)) return host;
  throw refuse('host_refused', { detail: host });
}

const hosts = /^https:\/\/([^/]*?)(?::\d+)?$/;
const hostOf = (url: string): string => hosts.exec(url)?.[1]?.toLowerCase() ?? '';

/** A browser says which page sends. Our own pages may, and on the loopback door those of this machine, where MCP clients are developed. */
function checkOrigin({ headers, door }: { headers: Received['headers']; door: Door }, host: string): void {
  const { origin } = headers;
  if (origin === undefined) return;
  const from = URL.parse(String(origin))?.hostname;
  if (from !== undefined && (from === host || (door.kind === 'loopback' && LOOPBACK.test(from)))) return;
  throw refuse('origin_refused', { detail: String(origin).slice(0, 200) });
}
