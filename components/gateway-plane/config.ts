/** The file that a gateway reads (docs/architecture.md "Processes"). Pure; JSON, which is YAML. */
import type { GatewayPlace } from '../sites/index.ts';

/** What a gateway must know of its control plane. */
export interface ControlAddress {
  readonly url: string;
  readonly natsUrl: string;
  readonly caFile?: string | undefined;
}

export function gatewayConfig(url: string, control: ControlAddress, place: GatewayPlace): string {
  const controlPlane = { url: control.url, natsUrl: control.natsUrl, caFile: control.caFile };
  const { listen, certificate, dataDir, enrolmentFile, upstreamCidrs, drainDelayMs, drainTimeoutMs } = place;
  const gateway = {
    url,
    controlPlane,
    listen,
    certificate,
    dataDir,
    enrolmentFile,
    upstreamCidrs,
    limits: { drainDelayMs, drainTimeoutMs },
  };
  return `${JSON.stringify({ gateway }, null, 2)}\n`;
}
