/** Arguments of a ControlPlane, checked. Pure. */
import { Name } from '@portolan/core';
import { z } from 'zod';
import { parseArguments } from '../parse-arguments.ts';
import { expectCallers, expectCertificate, expectOrdered, expectSite, PublicUrl } from '../plane-schema.ts';
import type { ControlPlaneArgs } from './args.ts';
import { Orders } from './certificate-orders.ts';

const Duration = z.string().regex(/^\d{1,9}[smhd]$/, 'expected a duration such as 90s, 15m, 24h or 30d');

const Args = z.strictObject({
  url: PublicUrl,
  federation: Name,
  certificates: Orders.optional(),
  maxStaleness: Duration.optional(),
  certificateLife: Duration.optional(),
  renewGrace: Duration.optional(),
  auditRetention: Duration.optional(),
});
export type ControlPlanePlan = z.output<typeof Args>;

export function checkControlPlane(
  name: string,
  { site, certificate, public: open, callerCidrs, callerNamespaces, ...args }: ControlPlaneArgs,
): ControlPlanePlan {
  expectSite(`ControlPlane(${name}).site`, site);
  expectCertificate(`ControlPlane(${name})`, certificate);
  expectCallers(`ControlPlane(${name})`, { public: open, callerCidrs, callerNamespaces });
  const plan = parseArguments(Args, `ControlPlane(${name})`, { federation: name, ...args });
  expectOrdered(`ControlPlane(${name})`, { url: plan.url, certificate }, plan.certificates !== undefined);
  return plan;
}
