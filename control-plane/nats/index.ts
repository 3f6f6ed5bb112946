/** The door of nats. */
export { type NatsKeys, readNatsKeys, writeNatsKeys } from './keys.ts';
export { Link } from './link.ts';
export { renderNatsConf } from './render-conf.ts';
export type { Revoked } from './revoke.ts';
export { gatewayUserJwt } from './user-jwt.ts';
