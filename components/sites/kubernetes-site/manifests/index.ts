/** What a site makes in a cluster, as pure functions: used by components, tests and whoever wants the YAML without an engine. */
export {
  birthJob,
  type ControlPlaneInCluster,
  controlPlaneDoor,
  controlPlaneGround,
  controlPlaneServers,
  initJob,
} from './control-plane.ts';
export { type GatewayInCluster, gatewayGround, gatewayServers } from './gateway.ts';
export type { Ingress } from './ingress.ts';
export { type CustomObject, type Kind, type Kinds, type Manifest, manifest, type Transforms } from './manifest.ts';
export {
  type NatsInCluster,
  natsAccount,
  natsGround,
  natsHost,
  natsHosts,
  natsManifests,
  natsServers,
} from './nats.ts';
export { databaseName, postgresManifests } from './postgres.ts';
