/** Arguments of a Mesh. */
import type { ControlPlane } from '../control-plane/component.ts';
import type { GatewayPlane } from '../gateway-plane/component.ts';

export interface MeshArgs {
  readonly control: ControlPlane;
  /** Gateways that may all call each other. */
  readonly gateways: readonly GatewayPlane[];
}
