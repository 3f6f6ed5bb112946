/**
 * How a pod proves who it is: by a projected Kubernetes service-account token (bound to the pod, RFC 7519) of one issuer, namespace, service account
 * and audience. All of it is public data: it stands in the registry and in Pulumi state.
 */
import { z } from 'zod';

const Base64url = z
  .string()
  .regex(/^[A-Za-z0-9_-]+$/, 'expected base64url')
  .max(2048);
const Word = z.string().regex(/^[\x21-\x7e]{1,512}$/, 'expected 1 to 512 printable ASCII characters without spaces');

const more = { kid: Word, alg: z.string().max(32).optional(), use: z.literal('sig').optional() };
const publicOnly = (issue: { readonly code?: string | undefined; readonly keys?: unknown }): string | undefined =>
  issue.code === 'unrecognized_keys' && Array.isArray(issue.keys)
    ? `expected a public key as kube-apiserver's /openid/v1/jwks shows it, without ${issue.keys.join(', ')}`
    : undefined;

/** A public key that signs service-account tokens (RFC 7517, 7518 §6, 8037). A private or a symmetric one is refused. */
export const WorkloadKey = z.discriminatedUnion(
  'kty',
  [
    z.strictObject({ kty: z.literal('RSA'), n: Base64url, e: Base64url, ...more }, { error: publicOnly }),
    z.strictObject(
      { kty: z.literal('EC'), crv: z.enum(['P-256', 'P-384', 'P-521']), x: Base64url, y: Base64url, ...more },
      { error: publicOnly },
    ),
    z.strictObject({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: Base64url, ...more }, { error: publicOnly }),
  ],
  'expected a public key of kty RSA, EC or OKP',
);
export type WorkloadKey = z.infer<typeof WorkloadKey>;

const JwksUrl = z
  .url({ protocol: /^https$/ })
  .max(2048)
  .refine((text) => {
    const url = URL.parse(text);
    return url === null || (url.username === '' && url.password === '' && url.hash === '');
  }, 'expected an https URL without user, password or fragment');

const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';

export const WorkloadIdentity = z.strictObject({
  issuer: Word.describe('`iss` of the tokens, exactly: kube-apiserver --service-account-issuer.'),
  jwks: z
    .strictObject({
      url: JwksUrl.optional().describe('Where the control plane fetches the keys: public, or in its own network.'),
      keys: z.array(WorkloadKey).min(1).max(32).optional().describe('The keys themselves (public JWKs).'),
    })
    .refine(({ url, keys }) => (url === undefined) !== (keys === undefined), 'expected either url or keys')
    .describe("The issuer's public keys: a url or keys."),
  audience: Word.describe('The one `aud` of the tokens: one that means this control plane and nothing else.'),
  namespace: z
    .string()
    .max(63)
    .regex(new RegExp(`^${LABEL}$`), 'expected the name of a Kubernetes namespace')
    .describe('Namespace of the pods.'),
  serviceAccount: z
    .string()
    .max(253)
    .regex(new RegExp(`^${LABEL}(\\.${LABEL})*$`), 'expected the name of a Kubernetes service account')
    .describe('Service account of the pods.'),
});
export type WorkloadIdentity = z.infer<typeof WorkloadIdentity>;
