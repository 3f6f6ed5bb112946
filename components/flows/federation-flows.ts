/** Every flow of a federation, in the order in which its rules can be made: each names only planes that are there by then. */
import { peerPairs } from '../mesh/peer-pairs.ts';
import { controlPlaneFlows } from './control-plane-flows.ts';
import type { Flow } from './flow.ts';
import { gatewayFlows, pairFlows } from './gateway-flows.ts';
import type { ControlPlaneNetwork, GatewayNetwork } from './plane-network.ts';

export const federationFlows = (control: ControlPlaneNetwork, gateways: readonly GatewayNetwork[]): readonly Flow[] => [
  ...controlPlaneFlows(control),
  ...gateways.flatMap((gateway) => gatewayFlows(gateway, control)),
  ...peerPairs(gateways).flatMap(([first, second]) => pairFlows(first, second)),
];
