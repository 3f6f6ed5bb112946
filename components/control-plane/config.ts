/** The file that a control plane reads (docs/architecture.md "Processes"). Pure; JSON, which is YAML. */
import type { ControlPlanePlace } from '../sites/index.ts';
import type { ControlPlanePlan } from './validate.ts';

export function controlPlaneConfig(plan: ControlPlanePlan, place: ControlPlanePlace): string {
  const { listen, dataDir, siteCertificate, nats, keys, kubernetes } = place;
  const controlPlane = {
    ...plan,
    dataDir,
    listen,
    siteCertificate,
    nats: nats.config,
    keys,
    kubernetes,
  };
  return `${JSON.stringify({ controlPlane }, null, 2)}\n`;
}
