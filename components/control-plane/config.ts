/** The file that a control plane reads (docs/architecture.md "Processes"). Pure; JSON, which is YAML. */
import type { ControlPlanePlace } from '../sites/index.ts';
import type { ControlPlanePlan } from './validate.ts';

export function controlPlaneConfig(plan: ControlPlanePlan, place: ControlPlanePlace): string {
  const { listen, dataDir, siteCertificate, nats } = place;
  const { url: natsUrl, listen: natsListen, monitor, storeDir } = nats;
  const controlPlane = {
    ...plan,
    dataDir,
    listen,
    siteCertificate,
    nats: { url: natsUrl, listen: natsListen, monitor, storeDir },
  };
  return `${JSON.stringify({ controlPlane }, null, 2)}\n`;
}
