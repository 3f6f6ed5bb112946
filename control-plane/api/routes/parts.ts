/** What the routes need; serve.ts links it. */
import type { Kysely } from 'kysely';
import type { Database } from '../../db/index.ts';
import type { Kek } from '../../keys/kek.ts';
import type { Enrolling, NatsLink, NatsServersEnrolling, ServerStates, Snapshots } from '../../ports.ts';

export interface Parts {
  readonly db: Kysely<Database>;
  readonly kek: Kek;
  readonly enrolling: Enrolling;
  readonly natsServers: NatsServersEnrolling;
  readonly snapshots: Snapshots;
  readonly nats: NatsLink;
  readonly servers: ServerStates;
  /** Is `certificates` configured, so that gateways may have theirs by ACME. */
  readonly ordersCertificates: boolean;
  readonly federation: string;
  readonly version: string;
  /** ms since epoch. */
  readonly now: () => number;
}
