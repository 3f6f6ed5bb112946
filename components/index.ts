/** The door of the components: sites, planes, mesh. */
export { ArgumentError } from '@portolan/provider';
export type { ControlPlaneArgs } from './control-plane/args.ts';
export { ControlPlane } from './control-plane/component.ts';
export {
  type ControlPlaneNetwork,
  type DescribedFlow,
  describeFlow,
  type Flow,
  type FlowFault,
  federationFlows,
  flowFaults,
  type GatewayNetwork,
  type SiteNetwork,
} from './flows/index.ts';
export { GatewayImage, type GatewayImageArgs } from './gateway-image/component.ts';
export type { GatewayPlaneArgs } from './gateway-plane/args.ts';
export { GatewayPlane } from './gateway-plane/component.ts';
export type { LocalMcpServerArgs } from './local-mcp-server/args.ts';
export { LocalMcpServer } from './local-mcp-server/component.ts';
export type { MeshArgs } from './mesh/args.ts';
export { Mesh } from './mesh/component.ts';
export {
  type Certificate,
  type CertificateOrders,
  type Ingress,
  type KubernetesDatabase,
  KubernetesSite,
  type KubernetesSiteArgs,
  type LocalDatabase,
  type LocalProgram,
  LocalSite,
  type LocalSiteArgs,
  type Platform,
  type Site,
} from './sites/index.ts';
