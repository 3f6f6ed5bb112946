/** The door of nats. */
export { NatsServers } from './enrol-server.ts';
export { type NatsKeys, readNatsKeys, serverMaterial, writeNatsKeys } from './keys.ts';
export { Link } from './link.ts';
export { type NatsCluster, type NatsMaterial, renderNatsConf } from './render-conf.ts';
export type { Revoked } from './revoke.ts';
export { gatewayUserJwt } from './user-jwt.ts';
