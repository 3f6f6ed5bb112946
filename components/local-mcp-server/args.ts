/** Arguments of a LocalMcpServer. */
import type { GatewayPlane } from '../gateway-plane/component.ts';
import type { LocalSite } from '../sites/index.ts';

export interface LocalMcpServerArgs {
  readonly site: LocalSite;
  /** The gateway that can reach it. */
  readonly gateway: GatewayPlane;
  /** A Node program that serves `--port N` on loopback and answers `GET /healthz`. Absolute. */
  readonly script: string;
  /** Further files whose change restarts it. @default none */
  readonly sources?: readonly string[] | undefined;
  /** `http://127.0.0.1:<port>/<path>` */
  readonly url: string;
  /** @default none */
  readonly description?: string | undefined;
}
