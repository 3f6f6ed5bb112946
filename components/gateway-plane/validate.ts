/** Arguments of a GatewayPlane, checked. Pure. */
import { GatewayName } from '@portolan/core';
import { z } from 'zod';
import { parseArguments } from '../argument-error.ts';
import { PublicUrl } from '../plane-schema.ts';
import type { GatewayPlaneArgs } from './args.ts';

const Args = z.strictObject({
  name: GatewayName,
  url: PublicUrl,
  dial: z
    .string()
    .regex(/^[^\s/:]+:\d{1,5}$/, 'expected host:port')
    .optional(),
  description: z.string().max(1000).optional(),
});
export type GatewayPlan = z.output<typeof Args>;

export function checkGatewayPlane(name: string, args: GatewayPlaneArgs): GatewayPlan {
  const { site: _site, control: _control, ...own } = args;
  return parseArguments(Args, `GatewayPlane(${name})`, { name, ...own });
}
