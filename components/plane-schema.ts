/** What the arguments of every plane have in common. */
import { isIP } from 'node:net';
import { ReachRange } from '@portolan/core';
import { ArgumentError, wanted } from '@portolan/provider';
import { z } from 'zod';
import { parseArguments } from './parse-arguments.ts';
import type { Certificate as CertificateSource } from './sites/index.ts';

/** A public URL of ours is compared byte by byte and dialled by its host and port, so it is an origin and nothing more. */
export const PublicUrl = z
  .string()
  .refine(isHttpsOrigin, 'expected https://host or https://host:port, without path and trailing slash');

function isHttpsOrigin(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && url.protocol === 'https:' && url.origin === text;
}

/** Throws an ArgumentError unless it is a site. @param argument `GatewayPlane(aws).site` */
export function expectSite(argument: string, value: unknown): void {
  if (typeof value === 'object' && value !== null && 'placeGateway' in value) return;
  throw new ArgumentError(argument, wanted('a site such as a LocalSite', value));
}

const Certificate = z.union(
  [
    z.strictObject({ secretRef: z.string().regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/) }),
    z.strictObject({ acme: z.literal(true) }),
  ],
  'expected { secretRef: "<name of a TLS secret>" } or { acme: true }',
);

export interface Callers {
  readonly public?: true | undefined;
  readonly callerCidrs?: readonly string[] | undefined;
  readonly callerNamespaces?: readonly string[] | undefined;
}

/** Who may connect: `true` is everyone, undefined nobody but the federation's own. */
export const callersOf = ({ public: open, callerCidrs }: Callers): true | readonly string[] | undefined =>
  open ?? callerCidrs;

const CallersSchema = z
  .strictObject({
    public: z.literal(true, 'expected true, or leave it out').optional(),
    callerCidrs: z.array(ReachRange.shape.cidr).min(1).optional(),
    callerNamespaces: z
      .array(z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'expected the name of a namespace'))
      .min(1)
      .optional(),
  })
  .refine(({ public: open, callerCidrs }) => open === undefined || callerCidrs === undefined, {
    path: ['callerCidrs'],
    error: 'is not needed where public: true lets everyone connect; leave out one of them',
  })
  .refine(({ callerCidrs = [] }) => !callerCidrs.some((cidr) => cidr.endsWith('/0')), {
    path: ['callerCidrs'],
    error: 'must not be the whole Internet; where that is meant, say public: true',
  });

/** Throws an ArgumentError. @param owner `GatewayPlane(aws)` */
export function expectCallers(owner: string, { public: open, callerCidrs, callerNamespaces }: Callers): void {
  parseArguments(CallersSchema, owner, { public: open, callerCidrs, callerNamespaces });
}

/** Throws an ArgumentError unless it is a certificate's source or undefined. @param owner `GatewayPlane(aws)` */
export function expectCertificate(owner: string, certificate: unknown): void {
  parseArguments(z.object({ certificate: Certificate.optional() }), owner, { certificate });
}

/**
 * Throws an ArgumentError where a certificate by ACME cannot be had: nobody orders it, or no CA gives one for the host.
 * @param owner `GatewayPlane(aws)`
 */
export function expectOrdered(
  owner: string,
  { url, certificate }: { readonly url: string; readonly certificate: CertificateSource | undefined },
  isOrdering: boolean,
): void {
  if (certificate === undefined || !('acme' in certificate)) return;
  if (!isOrdering)
    throw new ArgumentError(
      `${owner}.certificate`,
      'expected a control plane that orders certificates: give the ControlPlane the argument `certificates`, or this plane { secretRef: "<TLS secret>" }.',
    );
  const { hostname } = new URL(url);
  if (!hostname.includes('.') || isIP(hostname) !== 0)
    throw new ArgumentError(
      `${owner}.url`,
      `expected a DNS name of at least two labels, because ACME gives no certificate for any other host; got "${url}".`,
    );
}
