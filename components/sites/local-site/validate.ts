/** Arguments of a LocalSite, checked: pure but for asking whether the programs are there. */
import { existsSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { ReachRange } from '@portolan/core';
import { z } from 'zod';
import { parseArguments } from '../../parse-arguments.ts';
import type { LocalSiteArgs } from './args.ts';

const AbsolutePath = z.string().refine(isAbsolute, 'expected an absolute path');
const Present = AbsolutePath.refine(existsSync, 'expected a file that is there; `npm run up` makes it');

const Program = z.strictObject({ command: z.string().min(1), args: z.array(z.string()).readonly() });
const DatabaseUrl = z
  .string()
  .refine(isDatabaseUrl, 'expected postgres://user@host:port/database without a password; name its password file');

const Database = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('process'),
    run: Program,
    prepare: z.array(Program).readonly(),
    url: DatabaseUrl,
    passFile: AbsolutePath,
  }),
  z.strictObject({ kind: z.literal('external'), url: DatabaseUrl, passFile: AbsolutePath.optional() }),
]);

const Args = z.strictObject({
  dir: AbsolutePath,
  node: Present,
  natsServer: Present,
  controlPlaneBundle: Present,
  gatewayBundle: Present,
  database: Database,
  upstreamCidrs: z.array(ReachRange).readonly().default([]),
});
export type LocalSitePlan = z.output<typeof Args>;

export function checkLocalSite(name: string, args: LocalSiteArgs): LocalSitePlan {
  return parseArguments(Args, `LocalSite(${name})`, args);
}

function isDatabaseUrl(text: string): boolean {
  const url = URL.parse(text);
  const isPostgres = url !== null && /^postgres(ql)?:$/.test(url.protocol);
  return isPostgres && url.password === '' && !url.searchParams.has('password');
}
