/** What the arguments of every plane have in common. */
import { ReachRange } from '@portolan/core';
import { ArgumentError, wanted } from '@portolan/provider';
import { z } from 'zod';
import { parseArguments } from './parse-arguments.ts';

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
}

/** Who may connect: `true` is everyone, undefined nobody but the federation's own. */
export const callersOf = ({ public: open, callerCidrs }: Callers): true | readonly string[] | undefined =>
  open ?? callerCidrs;

const CallersSchema = z
  .strictObject({
    public: z.literal(true, 'expected true, or leave it out').optional(),
    callerCidrs: z.array(ReachRange.shape.cidr).min(1).optional(),
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
export function expectCallers(owner: string, { public: open, callerCidrs }: Callers): void {
  parseArguments(CallersSchema, owner, { public: open, callerCidrs });
}

/** Throws an ArgumentError unless it is a certificate's source or undefined. @param owner `GatewayPlane(aws)` */
export function expectCertificate(owner: string, certificate: unknown): void {
  parseArguments(z.object({ certificate: Certificate.optional() }), owner, { certificate });
}
