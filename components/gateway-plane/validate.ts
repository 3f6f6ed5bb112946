/** Arguments of a GatewayPlane, checked. Pure. */
import { GatewayName, HostName, WebOrigin } from '@portolan/core';
import { expectControl } from '@portolan/provider';
import { z } from 'zod';
import { parseArguments } from '../parse-arguments.ts';
import { expectCallers, expectCertificate, expectOrdered, expectSite, PublicUrl } from '../plane-schema.ts';
import type { GatewayPlaneArgs } from './args.ts';

const Args = z.strictObject({
  name: GatewayName,
  url: PublicUrl,
  dial: z
    .string()
    .regex(/^[^\s/:]+:\d{1,5}$/, 'expected host:port')
    .optional(),
  allowedOrigins: z.array(WebOrigin).max(100).optional(),
  allowedHosts: z.array(HostName).max(100).optional(),
  description: z.string().max(1000).optional(),
});
export type GatewayPlan = z.output<typeof Args>;

export function checkGatewayPlane(name: string, args: GatewayPlaneArgs): GatewayPlan {
  const { site, control, certificate, public: open, callerCidrs, callerNamespaces, ...own } = args;
  expectSite(`GatewayPlane(${name}).site`, site);
  expectCertificate(`GatewayPlane(${name})`, certificate);
  expectCallers(`GatewayPlane(${name})`, { public: open, callerCidrs, callerNamespaces });
  expectControl(`GatewayPlane(${name}).control`, control);
  const plan = parseArguments(Args, `GatewayPlane(${name})`, { name, ...own });
  expectOrdered(`GatewayPlane(${name})`, { url: plan.url, certificate }, control.ordersCertificates);
  return plan;
}
