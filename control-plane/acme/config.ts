/** The `certificates:` section: where public certificates are ordered, and where challenges are written. */
import { isAbsolute } from 'node:path';
import { z } from 'zod';
import { hostAndPort } from './dns/host-port.ts';
import { DnsConfig } from './dns/index.ts';

const Path = z.string().refine(isAbsolute, 'expected an absolute path');

export const CertificatesConfig = z.strictObject({
  directory: z
    .url({
      protocol: /^https$/,
      error: 'expected the https URL of an ACME directory, as https://acme-v02.api.letsencrypt.org/directory',
    })
    .describe('URL of the ACME directory (RFC 8555).'),
  email: z.email().optional().describe('Address at which the CA reaches you. Default: none.'),
  termsOfServiceAgreed: z
    .literal(true, 'must be true: read the terms of service of the CA and agree to them')
    .describe("You agree to the CA's terms of service; nothing is ordered without."),
  caFile: Path.optional().describe(
    "PEM bundle that the ACME server's own https is verified with. Default: the system's.",
  ),
  externalAccount: z
    .strictObject({
      keyId: z.string().min(1).describe('Key identifier that the CA gave you.'),
      keyFile: Path.describe(
        'HMAC key that the CA gave you, base64url; mode 0600. Read when the account is registered.',
      ),
    })
    .optional()
    .describe('Binds the account to one that you have with the CA (RFC 8555 §7.3.4). Default: none.'),
  dns: DnsConfig.extend({
    resolvers: z
      .array(z.string().refine((text) => hostAndPort(text) !== undefined, 'expected host or host:port'))
      .max(10)
      .default([])
      .describe(
        "Recursive DNS servers, host or host:port, that are asked where _acme-challenge names lead to. Default: the system's.",
      ),
  }).describe('Where the challenges (DNS-01) are written.'),
});
export type CertificatesConfig = z.output<typeof CertificatesConfig>;
