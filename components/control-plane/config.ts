/** The file that a control plane reads (docs/architecture.md "Processes"). Pure; JSON, which is YAML. */
import type { CertificateOrders, ControlPlanePlace, OrderFiles } from '../sites/index.ts';
import type { ControlPlanePlan } from './validate.ts';

export function controlPlaneConfig({ certificates, ...plan }: ControlPlanePlan, place: ControlPlanePlace): string {
  const { listen, dataDir, siteCertificate, orderFiles, nats, keys, kubernetes } = place;
  const controlPlane = {
    ...plan,
    dataDir,
    listen,
    siteCertificate,
    certificates: certificates && orderFiles && ordersConfig(certificates, orderFiles),
    nats: nats.config,
    keys,
    kubernetes,
  };
  return `${JSON.stringify({ controlPlane }, null, 2)}\n`;
}

/** The section `certificates`. */
function ordersConfig(orders: CertificateOrders, { tsigKeyFile, externalAccountKeyFile, caFile }: OrderFiles) {
  const { directory, email, termsOfServiceAgreed, externalAccount, dns } = orders;
  const { key: _, ...rfc2136 } = dns.rfc2136;
  return {
    directory,
    email,
    termsOfServiceAgreed,
    caFile: orders.caFile === undefined ? undefined : caFile,
    externalAccount: externalAccount && { keyId: externalAccount.keyId, keyFile: externalAccountKeyFile },
    dns: { rfc2136: { ...rfc2136, keyFile: tsigKeyFile }, resolvers: dns.resolvers },
  };
}
