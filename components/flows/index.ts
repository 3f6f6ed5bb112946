/** The door of the flows: from planes to who may connect to whom, and why. Pure. */
export { controlPlaneFlows } from './control-plane-flows.ts';
export { type DescribedFlow, describeFlow } from './describe.ts';
export { instanceLabels, namespaceLabels, type Part, partLabels, secretsWriterLabel } from './ends.ts';
export { federationFlows } from './federation-flows.ts';
export type { Block, End, Flow, FlowPort, Networks, Node, PlanePods, Pods, World } from './flow.ts';
export { gatewayFlows, pairFlows } from './gateway-flows.ts';
export type {
  ControlPlaneNetwork,
  GatewayNetwork,
  PlaneNetwork,
  Platform,
  Reach,
  SiteNetwork,
} from './plane-network.ts';
export { ports } from './ports.ts';
export { type FlowFault, flowFaults } from './validate.ts';
