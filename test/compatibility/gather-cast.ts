/** Who takes part: what the checkout brings, what npm and Python could be made to bring, and why the rest is missing. */
import { mkdir } from 'node:fs/promises';
import type { Client } from './clients/client.ts';
import { npmClients, ownClients, pythonClients } from './clients/index.ts';
import type { Subject } from './page.ts';
import { prepareNpm } from './prepare-npm.ts';
import { preparePython } from './prepare-python.ts';
import { ownServers, pythonServers } from './servers/index.ts';
import type { Server } from './servers/server.ts';

export interface Cast {
  readonly clients: readonly Client[];
  readonly servers: readonly Server[];
  readonly absentClients: readonly Subject[];
  readonly absentServers: readonly Subject[];
}

type Prepared<T> = { readonly made: T } | { readonly why: string };

/** `folder`: where things are installed. What cannot be installed is left out; being asked to end rejects. */
export async function gatherCast(folder: string, signal: AbortSignal): Promise<Cast> {
  await mkdir(folder, { recursive: true });
  const npm = await attempt(prepareNpm(folder, signal), signal);
  const python = await attempt(preparePython(folder, signal), signal);
  return {
    clients: [
      ...ownClients,
      ...('made' in python ? pythonClients(python.made) : []),
      ...('made' in npm ? npmClients(npm.made) : []),
    ],
    servers: [...ownServers, ...('made' in python ? pythonServers(python.made) : [])],
    absentClients: [...missing(python, 'Python fastmcp'), ...missing(npm, 'Inspector CLI', 'mcp-remote')],
    absentServers: missing(python, 'Python FastMCP'),
  };
}

async function attempt<T>(preparing: Promise<T>, signal: AbortSignal): Promise<Prepared<T>> {
  try {
    return { made: await preparing };
  } catch (error) {
    signal.throwIfAborted();
    return { why: error instanceof Error ? error.message : String(error) };
  }
}

const missing = (prepared: Prepared<unknown>, ...names: string[]): Subject[] =>
  'why' in prepared ? names.map((name) => ({ name, version: 'not installed', absent: prepared.why })) : [];
