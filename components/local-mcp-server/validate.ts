/** Arguments of a LocalMcpServer, checked: pure but for asking whether its program is there. */
import { existsSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { Name } from '@portolan/core';
import { expectEntry } from '@portolan/provider';
import { z } from 'zod';
import { parseArguments } from '../parse-arguments.ts';
import { expectSite } from '../plane-schema.ts';
import type { LocalMcpServerArgs } from './args.ts';

const Present = z
  .string()
  .refine(isAbsolute, 'expected an absolute path')
  .refine(existsSync, 'expected a file that is there');

const Args = z
  .strictObject({
    name: Name,
    script: Present,
    sources: z.array(Present).readonly().default([]),
    url: z.string().refine(isLocal, 'expected http://127.0.0.1:<port>/<path>'),
    description: z.string().max(1000).optional(),
  })
  .transform((args) => ({ ...args, port: Number(new URL(args.url).port) }));
export type LocalMcpServerPlan = z.output<typeof Args>;

export function checkLocalMcpServer(name: string, args: LocalMcpServerArgs): LocalMcpServerPlan {
  const { site, gateway, ...own } = args;
  expectSite(`LocalMcpServer(${name}).site`, site);
  expectEntry(`LocalMcpServer(${name}).gateway`, gateway, 'gateway');
  return parseArguments(Args, `LocalMcpServer(${name})`, { name, ...own });
}

function isLocal(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && url.protocol === 'http:' && url.hostname === '127.0.0.1' && url.port !== '';
}
