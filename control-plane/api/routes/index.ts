/** Every route of the API, made from the parts that answer them. */
import type { Route } from '../route.ts';
import { auditRoutes } from './audit-routes.ts';
import { gatewayRoutes } from './gateway-routes.ts';
import type { Parts } from './parts.ts';
import { registryRoutes } from './registry-routes.ts';
import { statusRoutes } from './status-routes.ts';
import { tokenRoutes } from './token-routes.ts';

export type { Parts };

export const routesOf = (parts: Parts): readonly Route[] => [
  ...registryRoutes(parts),
  ...tokenRoutes(parts),
  ...auditRoutes(parts),
  ...statusRoutes(parts),
  ...gatewayRoutes(parts),
];
