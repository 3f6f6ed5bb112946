/** Every action of every client on every server, directly first and then through two gateways, and what is to be said of each pair. */
import { type Action, actionNames } from './actions.ts';
import type { Client } from './clients/client.ts';
import type { Harbour, Way } from './harbour.ts';
import { perform } from './perform.ts';
import type { Server } from './servers/server.ts';

export type Outcome = { readonly ok: true; readonly how: string } | { readonly ok: false; readonly why: string };

export interface Cell {
  readonly server: string;
  readonly client: string;
  readonly action: Action;
  readonly directly: Outcome;
  readonly through: Outcome;
}

/** `lost`: what passes directly does not pass, or not in the same way. `cannot`: it does not pass directly either. */
export type Verdict = 'ok' | 'cannot' | 'lost';

export function verdict({ directly, through }: Cell): Verdict {
  if (!directly.ok) return through.ok ? 'ok' : 'cannot';
  return through.ok && through.how === directly.how ? 'ok' : 'lost';
}

export interface Run {
  readonly harbour: Harbour;
  readonly servers: readonly Server[];
  readonly clients: readonly Client[];
  readonly signal: AbortSignal;
  /** Told of each cell when it is done. */
  readonly done: (cell: Cell) => void;
}

/** How many servers are asked at a time: most of the time goes by in starting clients and in waiting for those that hang. */
const lanes = 2;

/** Resolves with the cells, by server, client and action in the order given. */
export async function runMatrix(run: Run): Promise<readonly Cell[]> {
  const waiting = [...run.servers.entries()];
  const cells: Cell[][] = [];
  const lane = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      cells[next[0]] = await serverCells(next[1], run);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return cells.flat();
}

async function serverCells(server: Server, { harbour, clients, signal, done }: Run): Promise<Cell[]> {
  const cells: Cell[] = [];
  for (const client of clients) {
    const tries = {
      directly: new Tries(client, server, 'directly'),
      through: new Tries(client, server, 'through two gateways'),
    };
    for (const action of actionNames) {
      const directly = await tries.directly.outcome(action, harbour, signal);
      const through = await tries.through.outcome(action, harbour, signal);
      const cell: Cell = { server: server.name, client: client.name, action, directly, through };
      cells.push(cell);
      done(cell);
    }
  }
  return cells;
}

/** The actions of one client on one server by one way. Who could not even connect is not asked again. */
class Tries {
  readonly #client: Client;
  readonly #server: Server;
  readonly #way: Way;
  #shut: Outcome | undefined;

  constructor(client: Client, server: Server, way: Way) {
    this.#client = client;
    this.#server = server;
    this.#way = way;
  }

  async outcome(action: Action, harbour: Harbour, signal: AbortSignal): Promise<Outcome> {
    if (this.#shut !== undefined) return this.#shut;
    const route = harbour.route(this.#server, this.#way);
    try {
      const how = await perform({ action, client: this.#client, server: this.#server }, route, signal);
      return { ok: true, how };
    } catch (error) {
      signal.throwIfAborted();
      const outcome: Outcome = { ok: false, why: error instanceof Error ? error.message : String(error) };
      if (action === 'initialise') this.#shut = outcome;
      return outcome;
    }
  }
}
