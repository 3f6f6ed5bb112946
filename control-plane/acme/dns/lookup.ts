/**
 * Questions to DNS for a challenge: where its name leads to (CNAME), and whether a value can be seen yet. By Node's resolver, one for each question,
 * because a resolver remembers answers.
 */
import { lookup, Resolver } from 'node:dns/promises';
import { isIP } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { hostAndPort } from './host-port.ts';
import type { DnsProvider } from './provider.ts';

const MAX_CNAMES = 8;
const ANSWER_MS = 3_000;
const VISIBLE_WITHIN_MS = 120_000;
const PAUSE_MS = { first: 250, most: 5_000 } as const;

/** `host:port` of recursive servers; empty: those of the system. */
export type Resolvers = readonly string[];

/** Where the TXT records of a name are to be written: itself, or what its CNAMEs lead to. Throws for a circle, and where DNS does not answer. */
export async function challengeName(name: string, resolvers: Resolvers): Promise<string> {
  let target = name;
  for (let i = 0; i <= MAX_CNAMES; i += 1) {
    const [next] = await ask(resolvers, (resolver) => resolver.resolveCname(target));
    if (next === undefined) return target;
    target = next.toLowerCase().replace(/\.$/, '');
  }
  throw new Error(`${name}: more than ${MAX_CNAMES} CNAMEs one after the other, the last one ${target}`);
}

/** No such name, or none of this type: nothing. */
async function ask<T>(servers: readonly string[], question: (resolver: Resolver) => Promise<T[]>): Promise<T[]> {
  const resolver = new Resolver({ timeout: ANSWER_MS, tries: 2 });
  if (servers.length > 0) resolver.setServers(await Promise.all(servers.map(address)));
  try {
    return await question(resolver);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENODATA' || code === 'ENOTFOUND') return [];
    throw error;
  }
}

/** `ip:port`, which is all that a resolver takes. */
async function address(server: string): Promise<string> {
  const { host, port } = hostAndPort(server) ?? { host: server, port: 53 };
  const ip = isIP(host) === 0 ? (await lookup(host)).address : host;
  return isIP(ip) === 6 ? `[${ip}]:${port}` : `${ip}:${port}`;
}

export interface Sought {
  readonly provider: Pick<DnsProvider, 'zone' | 'server'>;
  readonly name: string;
  readonly value: string;
  readonly resolvers: Resolvers;
  readonly signal: AbortSignal;
}

/**
 * Waits until the provider's server shows the value, and every name server of the zone that answers us at all; at most two minutes, then it throws.
 * A server that does not answer us may yet answer the CA, so it holds nothing up.
 */
export async function untilVisible(sought: Sought): Promise<void> {
  const { provider, name, signal } = sought;
  const deadline = performance.now() + VISIBLE_WITHIN_MS;
  for (let pause: number = PAUSE_MS.first; ; pause = Math.min(pause * 2, PAUSE_MS.most)) {
    const lacking = await whoLacks(sought);
    if (lacking.length === 0) return;
    if (performance.now() > deadline)
      throw new Error(
        `${name} in zone ${provider.zone}: the challenge was written, but after two minutes ${lacking.join(', ')} did not show it`,
      );
    await wait(pause, undefined, { signal });
  }
}

async function whoLacks({ provider, name, value, resolvers }: Sought): Promise<readonly string[]> {
  const shows = async (server: string): Promise<boolean> =>
    (await ask([server], (resolver) => resolver.resolveTxt(name))).some((chunks) => chunks.join('') === value);
  if (!(await shows(provider.server).catch(() => false))) return [provider.server];
  const others = await nameServers(provider, resolvers).catch(() => []);
  const seen = await Promise.all(others.map((server) => shows(server).catch(() => true)));
  return others.filter((_, i) => seen[i] === false);
}

async function nameServers({ zone, server }: Sought['provider'], resolvers: Resolvers): Promise<readonly string[]> {
  const names = await ask([server], (resolver) => resolver.resolveNs(zone));
  const found = await Promise.all(
    names.map((name) => ask(resolvers, (resolver) => resolver.resolve4(name)).catch((): string[] => [])),
  );
  return found.flat().map((ip) => `${ip}:53`);
}
