/** What the arguments of every plane have in common. */
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

/** Throws an ArgumentError unless it is a certificate's source or undefined. @param owner `GatewayPlane(aws)` */
export function expectCertificate(owner: string, certificate: unknown): void {
  parseArguments(z.object({ certificate: Certificate.optional() }), owner, { certificate });
}
