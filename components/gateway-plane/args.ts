/** Arguments of a GatewayPlane. */
import type { ControlPlane } from '../control-plane/component.ts';
import type { Site } from '../sites/index.ts';

export interface GatewayPlaneArgs {
  /** Where it runs. */
  readonly site: Site;
  /** Public URL: `https`, no trailing slash. Servers of this gateway have it as their proxy URL. */
  readonly url: string;
  readonly control: ControlPlane;
  /** `host:port` where other gateways reach it. @default host and port of `url` */
  readonly dial?: string | undefined;
  /** @default none */
  readonly description?: string | undefined;
}
