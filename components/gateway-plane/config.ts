/** The file that a gateway reads (docs/architecture.md "Processes"). Pure; JSON, which is YAML. */
import type { GatewayPlace } from '../sites/index.ts';

/** What a gateway must know of its control plane. */
export interface ControlAddress {
  readonly url: string;
  readonly natsUrl: string;
  readonly caFile?: string;
}

export function gatewayConfig(url: string, controlPlane: ControlAddress, place: GatewayPlace): string {
  const { listen, certificate, dataDir, enrolmentFile, upstreamCidrs } = place;
  const gateway = {
    url,
    controlPlane,
    listen,
    certificate,
    dataDir,
    ...(enrolmentFile === undefined ? {} : { enrolmentFile }),
    upstreamCidrs: upstreamCidrs.map((cidr) => ({ cidr })),
  };
  return `${JSON.stringify({ gateway }, null, 2)}\n`;
}
