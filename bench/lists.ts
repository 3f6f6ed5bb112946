/**
 * What a list of 1,000 tools (1 MB) costs a gateway: to filter it, and to filter it again when it is known. In this process, with the gateway's own code,
 * from the whole body to what is passed on; medians, once the code is warm. Of the tools the caller may see every second one.
 */
import { compileGrants, refuse } from '@portolan/core';
import { KnownLists } from '../gateway/stream/known-lists.ts';
import { type Relayed, type Relaying, relayJson } from '../gateway/stream/relay.ts';

export interface Lists {
  readonly bytes: number;
  /** Milliseconds. */
  readonly filteredMs: number;
  readonly knownMs: number;
}

const TOOLS = 1_000;
const BYTES = 1_000_000;
const WARM = 30;
const RUNS = 101;

export function measureLists(): Lists {
  const json = listOfTools();
  const first = median(() => relay(json, new KnownLists()));
  const known = new KnownLists();
  const again = median(() => relay(json, known));
  return { bytes: json.length, filteredMs: first, knownMs: again };
}

function listOfTools(): Buffer {
  const named = (i: number, description: string) => ({
    name: `${i % 2 ? 'get' : 'set'}_${i}`,
    description,
    inputSchema: { type: 'object', properties: { query: { type: 'string', description: 'What to look for.' } } },
  });
  const length = JSON.stringify(named(TOOLS, '')).length;
  const description = 'One thing, and it does it well. '.repeat(BYTES).slice(0, BYTES / TOOLS - length);
  const tools = Array.from({ length: TOOLS }, (_, i) => named(i, description));
  return Buffer.from(
    JSON.stringify({ jsonrpc: '2.0', id: 1, result: { tools, ttlMs: 300_000, cacheScope: 'public' } }),
  );
}

const grants = compileGrants([
  {
    id: 'bench',
    effect: 'allow',
    principal: { kind: 'user', name: 'bench' },
    server: 'bench',
    everything: false,
    tools: ['get_*'],
    prompts: [],
    resources: [],
  },
]);

function relay(json: Buffer, known: KnownLists): void {
  const how = {
    grants: () => grants,
    server: 'bench',
    list: true,
    page: undefined,
    heard: undefined,
    answerBytes: 16_777_216,
    id: 1,
    idBytes: '1',
    known,
    invalid: (expected: string) => refuse('upstream_invalid', { expected }),
  } as Partial<Relaying> as Relaying;
  const source = { whole: () => json, async *[Symbol.asyncIterator]() {} };
  const { body } = relayJson(source, how) as Relayed;
  if (!Buffer.isBuffer(body) || body.length > json.length * 0.6) throw new Error('the list came through unfiltered');
}

function median(run: () => void): number {
  for (let i = 0; i < WARM; i += 1) run();
  const times = Array.from({ length: RUNS }, () => {
    const began = performance.now();
    run();
    return performance.now() - began;
  });
  return times.sort((a, b) => a - b)[RUNS >> 1] ?? Number.NaN;
}
