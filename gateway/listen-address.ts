/**
 * `host:port` as it stands in settings and on the command line. IPv6 hosts stand in brackets. Nothing is resolved here.
 * Invariant: only what is loopback by its spelling counts as loopback; a name that might resolve to it does not.
 */
import ipaddr from 'ipaddr.js';

/** `host` without brackets; port 0 lets the system choose one. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

const FORM = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/;

/** Reads `host:port`; undefined for any other form. */
export function parseAddress(text: string): Address | undefined {
  const match = FORM.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host === undefined || port > 65_535 ? undefined : { host, port };
}

export const addressText = ({ host, port }: Address): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

/** True for 127.0.0.0/8, ::1 and `localhost`. */
export function isLoopback(host: string): boolean {
  if (host === 'localhost') return true;
  return ipaddr.isValid(host) && ipaddr.process(host).range() === 'loopback';
}
