/**
 * Who gets a certificate, and for which name: the control plane by its own URL, gateways by the URL that they are registered with.
 * Invariant: no name comes from a gateway or a request; a plane gets the one name of its URL and no other.
 */
import { isIP } from 'node:net';
import { CONTROL } from '@portolan/core';

export interface Plane {
  /** A gateway's name, or `control`. */
  readonly plane: string;
  /** DNS name that the certificate is for. */
  readonly name: string;
}

/** The DNS name of a URL; undefined where no public CA gives a certificate for it by DNS: an address, or a name of one label. */
export function dnsNameOf(url: string): string | undefined {
  const host = new URL(url).hostname.toLowerCase().replace(/\.$/, '');
  return isIP(host.replace(/^\[|\]$/g, '')) !== 0 || !host.includes('.') ? undefined : host;
}

/** The control plane first: gateways enrol over its certificate. `controlUrl`: undefined where it has another certificate. */
export function planesOf(
  controlUrl: string | undefined,
  gateways: readonly { readonly name: string; readonly url: string }[],
): readonly Plane[] {
  const asked = [...(controlUrl === undefined ? [] : [{ name: CONTROL, url: controlUrl }]), ...gateways];
  return asked.flatMap(({ name: plane, url }) => {
    const name = dnsNameOf(url);
    return name === undefined ? [] : [{ plane, name }];
  });
}
