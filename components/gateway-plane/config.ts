/** The file that a gateway reads (docs/architecture.md "Processes"). Pure; JSON, which is YAML. */
import type { GatewayPlace } from '../sites/index.ts';

/** What a gateway must know of its control plane. */
export interface ControlAddress {
  readonly url: string;
  readonly natsUrl: string;
  readonly caFile?: string | undefined;
}

/** Whom it answers to beside its own URL. */
export interface GatewayEdges {
  readonly url: string;
  readonly allowedOrigins?: readonly string[] | undefined;
  readonly allowedHosts?: readonly string[] | undefined;
}

export function gatewayConfig(edges: GatewayEdges, control: ControlAddress, place: GatewayPlace): string {
  const controlPlane = { url: control.url, natsUrl: control.natsUrl, caFile: place.authoritiesFile(control) };
  const { listen, certificate, dataDir, enrolment, upstreamCidrs, drainDelayMs, drainTimeoutMs } = place;
  const gateway = {
    url: edges.url,
    controlPlane,
    listen,
    certificate,
    dataDir,
    ...(enrolment.by === 'secret'
      ? { enrolmentFile: enrolment.enrolmentFile }
      : { serviceAccountTokenFile: enrolment.serviceAccountTokenFile }),
    upstreamCidrs,
    allowedOrigins: edges.allowedOrigins,
    allowedHosts: edges.allowedHosts,
    limits: { drainDelayMs, drainTimeoutMs },
  };
  return `${JSON.stringify({ gateway }, null, 2)}\n`;
}
