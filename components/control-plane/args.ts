/** Arguments of a ControlPlane. */
import type { Certificate, CertificateOrders, Site } from '../sites/index.ts';

export interface ControlPlaneArgs {
  /** Where it runs. Changing it replaces everything that runs. */
  readonly site: Site;
  /** Public URL: API, enrolment, `pulumi up`. `https`, no trailing slash. */
  readonly url: string;
  /** Everyone may connect. Changing it changes rules alone. @default only `callerCidrs` */
  readonly public?: true | undefined;
  /** Networks that may connect, beside the planes of the federation: whoever runs `pulumi up`. @default none */
  readonly callerCidrs?: readonly string[] | undefined;
  /** In Kubernetes: namespaces of its cluster whose pods may connect; networks do not always match pods. @default none */
  readonly callerNamespaces?: readonly string[] | undefined;
  /** Certificate of its public name, which NATS has too. Required on a KubernetesSite. @default the site's own, where it makes one */
  readonly certificate?: Certificate | undefined;
  /** Public certificates by ACME, for planes with `certificate: { acme: true }`. Changing it restarts the control plane. @default none are ordered */
  readonly certificates?: CertificateOrders | undefined;
  /** Name of the federation: trust domain of every identity in it. Changing it makes every gateway enrol again. @default the component's name */
  readonly federation?: string | undefined;
  /** Gateways refuse to serve by a snapshot older than this: `90s`, `15m`, `24h`, `30d`. @default '24h' */
  readonly maxStaleness?: string | undefined;
  /** Life of a mesh certificate, at most `7d`. @default '24h' */
  readonly certificateLife?: string | undefined;
  /** How long after its expiry a certificate still renews; `0s`: not at all. @default '0s' */
  readonly renewGrace?: string | undefined;
  /** How long audit records are kept, counted from their arrival; then they are deleted. At least `1d`. @default '400d' */
  readonly auditRetention?: string | undefined;
}
