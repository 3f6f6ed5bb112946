/** Arguments of a GatewayPlane. */
import type { ControlPlane } from '../control-plane/component.ts';
import type { Certificate, Site } from '../sites/index.ts';

export interface GatewayPlaneArgs {
  /** Where it runs. */
  readonly site: Site;
  /** Public URL: `https`, no trailing slash. Servers of this gateway have it as their proxy URL. */
  readonly url: string;
  readonly control: ControlPlane;
  /** `host:port` where other gateways reach it. @default host and port of `url` */
  readonly dial?: string | undefined;
  /** Everyone may connect: people with an IDE, applications anywhere. Changing it changes rules alone. @default only `callerCidrs` */
  readonly public?: true | undefined;
  /** Networks that may connect, beside the planes of the federation. @default none */
  readonly callerCidrs?: readonly string[] | undefined;
  /** In Kubernetes: namespaces of its cluster whose pods may connect; networks do not always match pods. @default none */
  readonly callerNamespaces?: readonly string[] | undefined;
  /** Certificate of its public name. Required on a KubernetesSite. @default the site's own, where it makes one */
  readonly certificate?: Certificate | undefined;
  /**
   * Origins of web pages that may call, beside `url`, as browsers send them: `https://app.example.com`. No wildcards. Clients that are no browser
   * need none. Changing it restarts the gateway.
   * @default none
   */
  readonly allowedOrigins?: readonly string[] | undefined;
  /**
   * Host names under which callers reach the gateway beside that of `url`, without port. Changing it restarts the gateway.
   * @default none
   */
  readonly allowedHosts?: readonly string[] | undefined;
  /** @default none */
  readonly description?: string | undefined;
}
