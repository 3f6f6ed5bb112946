/**
 * Is this HTTP that every reader reads alike, meant for us? node:http refuses most malformed requests (RFC 9112); here is what it lets pass.
 * Origin and Host are checked because a browser may have been led here by a foreign page (DNS rebinding).
 * Invariant: nothing after this stage meets two Hosts, a target for another host, or a header that `Connection` takes away.
 */
import { refuse } from '@portolan/core';
import { type Accepted, type Gateway, pass, passed, type Received } from '../context.ts';
import { isPreflight } from '../stream/cors.ts';

/** No client has as many; between gateways a few more are added. */
const MAX_HEADERS = 240;
const METHODS = new Set(['POST', 'GET', 'DELETE']);
const PROTECTED = /^(?:host|authorization|traceparent|accept|origin|expect|content-.*|mcp-.*|portolan-.*|x-tfy-.*)$/;

export function accept(request: Received, gateway: Gateway): Accepted {
  checkFraming(request);
  checkHost(request, gateway);
  checkOrigin(request, gateway);
  if (!METHODS.has(request.method) && !isPreflight(request)) throw refuse('http_method');
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

/** A link has no Host: its connection is one between two gateways from the first byte on. */
function checkHost({ headers, door, httpVersion }: Received, { edges, registry }: Gateway): void {
  const host = String(headers.host ?? '');
  if (httpVersion === 'link' || edges.servesHost(host, door, registry.current())) return;
  throw refuse('host_refused', { detail: host.slice(0, 200) });
}

/** A browser says which page sends; whoever sends no Origin is none. From here on the page may read what is answered. */
function checkOrigin(request: Received, { edges, registry }: Gateway): void {
  const { origin } = request.headers;
  if (origin === undefined) return;
  const page = String(origin);
  if (!edges.servesOrigin(page, request.door, registry.current())) {
    throw refuse('origin_refused', { detail: page.slice(0, 200) });
  }
  pass(request, { page });
}
