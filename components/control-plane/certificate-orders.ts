/** Argument `certificates` of a ControlPlane, checked: pure but for asking whether its file is there. */
import { existsSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { ReachRange } from '@portolan/core';
import { z } from 'zod';

const Cidrs = z.array(ReachRange.shape.cidr).min(1).readonly();
const SecretKey = z.strictObject({
  secretRef: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/, 'expected the name of a Secret in the namespace of the plane'),
});
const Server = z
  .string()
  .regex(/^(?:\[[0-9a-fA-F:]+\]|[^\s/:[\]]+)(?::\d{1,5})?$/, 'expected host or host:port, as ns1.example.com');
const DnsName = z.string().regex(/^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$/, 'expected a DNS name without a trailing dot');

export const Orders = z.strictObject({
  directory: z.url({
    protocol: /^https$/,
    error: 'expected the https URL of an ACME directory, as https://acme-v02.api.letsencrypt.org/directory',
  }),
  directoryCidrs: Cidrs,
  email: z.email().optional(),
  termsOfServiceAgreed: z.custom<true>(
    (value) => value === true,
    'must be true: read the terms of service of the CA and agree to them',
  ),
  caFile: z
    .string()
    .refine(isAbsolute, 'expected an absolute path')
    .refine(existsSync, 'expected a file that is there')
    .optional(),
  externalAccount: z.strictObject({ keyId: z.string().min(1), key: SecretKey }).optional(),
  dns: z.strictObject({
    rfc2136: z.strictObject({
      server: Server,
      zone: DnsName,
      keyName: DnsName,
      algorithm: z.enum(['hmac-sha256', 'hmac-sha512']).optional(),
      key: SecretKey,
    }),
    cidrs: Cidrs,
    resolvers: z.array(Server).max(10).readonly().optional(),
  }),
});
