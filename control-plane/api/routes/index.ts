/** Every route of the API, made from the parts that answer them. */
import type { Kysely } from 'kysely';
import type { Database } from '../../db/index.ts';
import type { Kek } from '../../keys/kek.ts';
import type { Enrolling, NatsLink, Snapshots } from '../../ports.ts';
import type { Route } from '../route.ts';
import { auditRoutes } from './audit-routes.ts';
import { gatewayRoutes } from './gateway-routes.ts';
import { registryRoutes } from './registry-routes.ts';
import { statusRoutes } from './status-routes.ts';
import { tokenRoutes } from './token-routes.ts';

export interface Parts {
  readonly db: Kysely<Database>;
  readonly kek: Kek;
  readonly enrolling: Enrolling;
  readonly snapshots: Snapshots;
  readonly nats: NatsLink;
  readonly federation: string;
  readonly version: string;
  /** ms since epoch. */
  readonly now: () => number;
}

export const routesOf = (parts: Parts): readonly Route[] => [
  ...registryRoutes(parts),
  ...tokenRoutes(parts),
  ...auditRoutes(parts),
  ...statusRoutes(parts),
  ...gatewayRoutes(parts),
];
