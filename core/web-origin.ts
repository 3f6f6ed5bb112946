/**
 * Web origins and host names as a gateway is given them (`allowedOrigins`, `allowedHosts`), and which of them mean this machine.
 * Invariant: each has one spelling, the one that browsers send; so both are compared character by character, and there is no wildcard.
 */
import { z } from 'zod';

/** RFC 6454 §6.2. Of other schemes than the web's (`vscode-webview://…`, `chrome-extension://…`) the whole authority is the origin. */
const OTHER_ORIGIN = /^(?!https?:)[a-z][a-z0-9+.-]*:\/\/[a-z0-9._-]+(?::\d{1,5})?$/;
const HOST = /^(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])$/;
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/** An origin as browsers send it in `Origin`. */
export const WebOrigin = z
  .string()
  .max(300)
  .refine(
    (text) => isHttpOrigin(text) || OTHER_ORIGIN.test(text),
    'expected an origin as browsers send it: scheme://host or scheme://host:port, in lower case, without path, trailing slash, default port or wildcard',
  );

/** A host name or address as it stands in `Host`, without a port. */
export const HostName = z
  .string()
  .max(253)
  .refine(
    (text) => HOST.test(text) && URL.parse(`https://${text}`)?.hostname === text,
    'expected a host name in lower case, without scheme, port or wildcard',
  );

function isHttpOrigin(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || url.origin !== text || !/^https?:$/.test(url.protocol)) return false;
  return HOST.test(url.hostname);
}

/** Does this host name, as it stands in a URL, mean the machine itself? */
export const isLoopbackHost = (host: string): boolean => LOOPBACK.test(host);

/** Is this the origin of a page that this machine itself serves? */
export function isLoopbackOrigin(origin: string): boolean {
  return isHttpOrigin(origin) && isLoopbackHost(URL.parse(origin)?.hostname ?? '');
}
