/** What the command line of `npm run conformance` may say. Refuses what it does not know. */
import { parseArgs } from 'node:util';
import { scripts } from '../../tools/start/scripts.mjs';
import type { Way } from './ways.ts';

export interface Options {
  /** URL of an MCP server that is not ours; undefined = our own everything server. */
  readonly upstream: string | undefined;
  /** In order; the direct one is always there, because the others are compared with it. */
  readonly ways: readonly Way[];
  /** Without what takes long: tasks, extensions, the client half. */
  readonly quick: boolean;
}

export const usage = scripts.conformance?.usage ?? '';

/** Throws an Error that says what was expected. */
export function readOptions(args: readonly string[]): Options {
  const options = scripts.conformance?.options ?? {};
  const { values } = parseArgs({ args: [...args], options });
  const { upstream, way, quick = false } = values as { upstream?: string; way?: string; quick?: boolean };
  if (upstream !== undefined && !/^https?:$/.test(URL.parse(upstream)?.protocol ?? '')) {
    throw new Error(`--upstream: expected the http(s) URL of an MCP server, not "${upstream}"\n\n${usage}`);
  }
  return { upstream, ways: waysOf(way), quick };
}

function waysOf(way: string | undefined): readonly Way[] {
  if (way === undefined) return ['direct', 'one', 'two'];
  if (way === 'direct') return ['direct'];
  if (way === 'one' || way === 'two') return ['direct', way];
  throw new Error(`--way: expected direct, one or two, not "${way}"\n\n${usage}`);
}
