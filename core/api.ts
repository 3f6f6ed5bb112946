/**
 * Bodies of the control plane's REST API `/api/v1`: what people, Pulumi and gateways send and get.
 * Shared by the control plane (validates with them, makes OpenAPI from them), the provider and the tools. Unknown keys are refused on input.
 */
import { z } from 'zod';
import { isRegistrable } from './custom-headers.ts';
import { GatewayName, Name } from './names.ts';
import { PrincipalKind } from './snapshot.ts';
import { UpstreamEra } from './upstream-era.ts';
import { WorkloadIdentity } from './workload-identity.ts';

const HttpsUrl = z
  .url({ protocol: /^https$/ })
  .refine((text) => !text.endsWith('/'), 'expected an https URL without a trailing slash');
const HttpUrl = z.url({ protocol: /^https?$/ });
const Description = z.string().max(1000);
const Glob = z.string().min(1).max(512);
const Iso = z.iso.datetime();
const Stamps = { createdAt: Iso, updatedAt: Iso };

/**
 * `url` is the gateway's public URL; `dial` (`host:port`) where peers reach it, default host and port of `url`. Whose pods are this gateway says
 * `workloadIdentity`; default: nobody's, it enrols by one-time secrets alone.
 */
export const GatewayBody = z.strictObject({
  url: HttpsUrl,
  dial: z
    .string()
    .regex(/^[^\s/:]+:\d{1,5}$/, 'expected host:port')
    .optional(),
  description: Description.optional(),
  certificate: z
    .literal('acme')
    .optional()
    .describe(
      '`acme`: the control plane orders the certificate of the public name and delivers it. Absent: the site has files of its own.',
    ),
  workloadIdentity: WorkloadIdentity.optional(),
});
export type GatewayBody = z.infer<typeof GatewayBody>;

export const GatewayView = GatewayBody.extend({
  name: GatewayName,
  dial: z.string(),
  status: z.enum(['active', 'retired']),
  /** True while a replica has a certificate that has not expired. */
  enrolled: z.boolean(),
  revision: z.int(),
  ...Stamps,
});
export type GatewayView = z.infer<typeof GatewayView>;

/** Answer to `POST /gateways/{name}/enrolments`; written to the gateway's enrolment file as it is. */
export const Enrolment = z.object({
  gateway: GatewayName,
  /** One-time secret `ptl_enr_…`. */
  token: z.string(),
  /** SHA-256 (hex) of the mesh root's DER: how the gateway knows the chain it is answered with. */
  meshRootSha256: z.string(),
  /** RFC 7638 thumbprints (SHA-256, base64url) of the keys that sign snapshots: the only ones that the gateway trusts at first. */
  snapshotKeyThumbprints: z.array(z.string()).min(1),
  expiresAt: Iso,
});
export type Enrolment = z.infer<typeof Enrolment>;

const Globs = z.array(Glob).max(1000);
const HeaderName = z
  .string()
  .refine(
    isRegistrable,
    'expected the name of an HTTP header that a caller may give (docs/clients.md "Headers of your own")',
  );
const Headers = z
  .strictObject({ names: z.array(HeaderName).min(1).max(32), mayOverrideAuth: z.boolean().optional() })
  .refine(
    ({ names, mayOverrideAuth }) => mayOverrideAuth === true || !names.some((name) => /^authorization$/i.test(name)),
    'Authorization is taken only with mayOverrideAuth: true',
  );
const DeadlineSeconds = z.int().min(1).max(86_400);
/** How gateways treat one MCP server (`ServerSettings` of core/snapshot.ts says what each means). */
const serverSettings = {
  tools: z.strictObject({ include: Globs.optional(), exclude: Globs.optional() }).optional(),
  headers: Headers.optional(),
  deadlines: z
    .strictObject({ idleSeconds: DeadlineSeconds.optional(), totalSeconds: DeadlineSeconds.optional() })
    .optional(),
};
/** `url` is inside the network of `gateway`, which alone dials it. */
export const McpServerBody = z.strictObject({
  url: HttpUrl,
  gateway: GatewayName,
  description: Description.optional(),
  ...serverSettings,
});
export type McpServerBody = z.infer<typeof McpServerBody>;
export const McpServerView = McpServerBody.extend({ name: Name, proxyUrl: z.string(), ...Stamps });
export type McpServerView = z.infer<typeof McpServerView>;

export const UserBody = z.strictObject({ displayName: z.string().max(200).optional(), email: z.email().optional() });
export type UserBody = z.infer<typeof UserBody>;
export const UserView = UserBody.extend({ name: Name, ...Stamps });
export type UserView = z.infer<typeof UserView>;

export const VirtualAccountBody = z.strictObject({ displayName: z.string().max(200).optional(), owner: Name });
export type VirtualAccountBody = z.infer<typeof VirtualAccountBody>;
export const VirtualAccountView = VirtualAccountBody.extend({ name: Name, ...Stamps });
export type VirtualAccountView = z.infer<typeof VirtualAccountView>;

export const PrincipalRef = z.strictObject({ kind: PrincipalKind, name: Name });
export type PrincipalRef = z.infer<typeof PrincipalRef>;

/** Either `everything: true` or at least one of the lists; globs, `*` = any run of characters. */
export const GrantBody = z
  .strictObject({
    effect: z.enum(['allow', 'deny']).default('allow'),
    principal: PrincipalRef,
    server: Name,
    everything: z.boolean().optional(),
    tools: z.array(Glob).max(1000).optional(),
    prompts: z.array(Glob).max(1000).optional(),
    resources: z.array(Glob).max(1000).optional(),
  })
  .refine(
    (grant) =>
      (grant.everything === true) !== Boolean(grant.tools?.length || grant.prompts?.length || grant.resources?.length),
    'expected either everything: true, or a non-empty list of tools, prompts or resources',
  );
export type GrantBody = z.infer<typeof GrantBody>;
export const GrantView = z.object({ ...GrantBody.shape, name: Name, ...Stamps });
export type GrantView = z.infer<typeof GrantView>;

/** Unordered pairs of gateways that may call each other. One matrix a federation. */
export const PeerMatrixBody = z.strictObject({ pairs: z.array(z.tuple([GatewayName, GatewayName])).max(10_000) });
export type PeerMatrixBody = z.infer<typeof PeerMatrixBody>;

/** A PAT for a user, a VAT for a virtual account. Default life 30 d, at most 365. */
export const TokenBody = z.strictObject({
  principal: PrincipalRef,
  description: Description.optional(),
  expiresInSeconds: z
    .int()
    .min(1)
    .max(365 * 86_400)
    .default(30 * 86_400),
});
export type TokenBody = z.infer<typeof TokenBody>;
export const TokenView = z.object({
  id: z.string(),
  kind: z.enum(['pat', 'vat']),
  principal: PrincipalRef,
  role: z.enum(['admin']).nullable(),
  description: z.string().nullable(),
  last4: z.string(),
  createdAt: Iso,
  expiresAt: Iso,
  revokedAt: Iso.nullable(),
});
export type TokenView = z.infer<typeof TokenView>;
/** The one answer that holds the token's text. */
export const IssuedToken = TokenView.extend({ token: z.string() });
export type IssuedToken = z.infer<typeof IssuedToken>;

/** Every list answers this; `next` is an opaque cursor, absent at the end. */
export const page = <T extends z.ZodType>(item: T) => z.object({ items: z.array(item), next: z.string().optional() });

export const ApiError = z.object({
  error: z.object({ code: z.string(), message: z.string(), path: z.string().optional() }),
});
export type ApiError = z.infer<typeof ApiError>;

/** `POST /api/v1/renew`, over mutual TLS at the mesh name `control`; the certificate says who asks. `sealKey`: public JWK, EC P-256, for ECDH-ES. */
export const RenewBody = z.strictObject({
  csr: z.string().max(10_000),
  nkey: z.string().regex(/^U[A-Z2-7]{55}$/),
  sealKey: z.strictObject({ kty: z.literal('EC'), crv: z.literal('P-256'), x: z.string(), y: z.string() }),
});
export type RenewBody = z.infer<typeof RenewBody>;
/** `POST /api/v1/nats-servers/enroll`, by the agent beside a NATS server. Every name in the CSR is ignored: the token names the pod. */
export const NatsServerEnrollBody = z.strictObject({
  serviceAccountToken: z.string().max(16_384),
  csr: z.string().max(10_000),
});
export type NatsServerEnrollBody = z.infer<typeof NatsServerEnrollBody>;
/** `POST /api/v1/nats-servers/certificate`, by the same agent. */
export const NatsServerCertificateBody = NatsServerEnrollBody.pick({ serviceAccountToken: true });
export type NatsServerCertificateBody = z.infer<typeof NatsServerCertificateBody>;
/** The ordered certificate of the control plane's public name, which NATS shows too. Secret as a whole. */
export const PublicPair = z.object({
  /** PEM, leaf first. */
  cert: z.string(),
  /** PEM. */
  key: z.string(),
});
export type PublicPair = z.infer<typeof PublicPair>;
/** All that a NATS server of the federation must hold. Secret as a whole: `storeKey` opens what it has stored. */
export const NatsServerIdentity = z.object({
  federation: Name,
  /** Its pod's name. */
  server: Name,
  /** PEM, leaf first: for connections between servers alone. */
  certificateChain: z.string(),
  /** Mesh roots, PEM. */
  caBundle: z.array(z.string()).min(1),
  operatorJwt: z.string(),
  systemAccount: z.string(),
  systemJwt: z.string(),
  account: z.string(),
  /** With the users that are revoked now. */
  accountJwt: z.string(),
  storeKey: z.string(),
});
export type NatsServerIdentity = z.infer<typeof NatsServerIdentity>;

/** `POST /api/v1/enroll` (RFC 2986 CSR as PEM; every name in it is ignored): what proves who asks also decides which gateway it is. */
export const EnrollBody = RenewBody.extend({
  /** One-time secret `ptl_enr_…`. */
  token: z.string().optional(),
  /** Projected Kubernetes service-account token of a pod of the gateway's `workloadIdentity`. */
  serviceAccountToken: z.string().max(16_384).optional(),
}).refine(
  ({ token, serviceAccountToken }) => (token === undefined) !== (serviceAccountToken === undefined),
  'expected either token, a one-time secret, or serviceAccountToken',
);
export type EnrollBody = z.infer<typeof EnrollBody>;
export const Identity = z.object({
  federation: Name,
  gateway: GatewayName,
  /** Leaf first, then the issuing intermediate; PEM. */
  certificateChain: z.string(),
  caBundle: z.array(z.string()).min(1),
  natsJwt: z.string(),
  snapshotKeys: z.array(z.record(z.string(), z.unknown())).min(1),
  /** Compact JWS, with its tables inline whatever their size. */
  snapshot: z.string(),
});
export type Identity = z.infer<typeof Identity>;

export const GatewayStatus = z.object({
  name: GatewayName,
  url: z.string(),
  status: z.enum(['active', 'retired']),
  enrolled: z.boolean(),
  /** Reported within the last 30 s. */
  connected: z.boolean(),
  revision: z.int(),
  appliedRevision: z.int().nullable(),
  /** `revision - appliedRevision`, and one more while a change waits to be rendered; null while unknown. */
  lag: z.int().nullable(),
  /** True where the applied digest differs from what was published at that revision. */
  drift: z.boolean().nullable(),
  lastReportAt: Iso.nullable(),
  certificateNotAfter: Iso.nullable(),
  spool: z.object({ bytes: z.int(), records: z.int(), dropped: z.int() }).nullable(),
});
export type GatewayStatus = z.infer<typeof GatewayStatus>;
/** An MCP server as the gateway that dials it last found it. Null is unknown: never probed, or that gateway is not heard from. */
export const McpServerStatus = z.object({
  name: Name,
  gateway: GatewayName,
  /** It answered the last probe as an MCP server does, be it by asking for credentials. Of several replicas one that fails decides. */
  reachable: z.boolean().nullable(),
  /** `http+sse` (the transport of 2024-11-05) is known, but not passed through. */
  era: UpstreamEra.nullable(),
  /** When the era was last probed and decided. */
  eraCheckedAt: Iso.nullable(),
  /** What it lists; of the older era the one that it settles on. */
  protocolVersions: z.array(z.string()).nullable(),
  serverInfo: z.object({ name: z.string(), version: z.string() }).nullable(),
  /** How many. */
  tools: z.int().nullable(),
  /** Until the answer to `server/discover` had been read. */
  latencyMs: z.int().nullable(),
  checkedAt: Iso.nullable(),
  /** What the last probe that failed found; past, where `at` is before `checkedAt`. */
  lastError: z.object({ code: z.string(), message: z.string(), at: Iso }).nullable(),
});
export type McpServerStatus = z.infer<typeof McpServerStatus>;
/** The public certificate of a plane that gets it by ACME. Null: there is none yet, or nothing has failed. */
export const PlaneCertificateStatus = z.object({
  /** A gateway's name, or `control`. */
  plane: z.string(),
  /** DNS name that it is for. */
  name: z.string().nullable(),
  notAfter: Iso.nullable(),
  renewAt: Iso.nullable(),
  /** Past three quarters of its life, or not there though it was ordered: somebody must look. */
  late: z.boolean(),
  /** In a row. */
  failures: z.int(),
  lastError: z.object({ message: z.string(), at: Iso, nextTryAt: Iso.nullable() }).nullable(),
});
export type PlaneCertificateStatus = z.infer<typeof PlaneCertificateStatus>;
export const FederationStatus = z.object({
  federation: Name,
  version: z.string(),
  database: z.object({ reachable: z.boolean() }),
  nats: z.object({ connected: z.boolean(), url: z.string() }),
  gateways: z.array(GatewayStatus),
  /** In order of name; planes with certificates of their own are not in it. */
  certificates: z.array(PlaneCertificateStatus),
  mcpServers: z.array(McpServerStatus),
});
export type FederationStatus = z.infer<typeof FederationStatus>;
