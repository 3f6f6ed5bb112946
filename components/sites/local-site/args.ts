/** Arguments of a LocalSite. All paths are absolute. */
import type { ReachRange } from '@portolan/core';

/** A command of this machine. */
export interface LocalProgram {
  readonly command: string;
  readonly args: readonly string[];
}

export type LocalDatabase =
  | {
      /** A PostgreSQL that runs as one more process. */
      readonly kind: 'process';
      readonly run: LocalProgram;
      /** Idempotent; run before each start. */
      readonly prepare: readonly LocalProgram[];
      /** `postgres://user@host:port/database`, without a password. */
      readonly url: string;
      readonly passFile: string;
    }
  | {
      /** A PostgreSQL that is there already. */
      readonly kind: 'external';
      readonly url: string;
      /** @default none: no password */
      readonly passFile?: string | undefined;
    };

export interface LocalSiteArgs {
  /** Everything that the site's processes keep lies below: run/, logs/, config/ and data. Changing it restarts them all. */
  readonly dir: string;
  /** Node 24. */
  readonly node: string;
  readonly natsServer: string;
  /** The control plane as one file. */
  readonly controlPlaneBundle: string;
  /** The gateway as one file. */
  readonly gatewayBundle: string;
  readonly database: LocalDatabase;
  /**
   * Networks, and ports in them, in which gateways of this site may dial MCP servers. Name the ports: on one machine PostgreSQL,
   * NATS and the other planes listen on the same addresses. Changing it restarts the gateways.
   * @default none: gateways only forward to each other
   */
  readonly upstreamCidrs?: readonly ReachRange[] | undefined;
}
