/**
 * Clients that never stop: each has one connection, calls one tool after the other, and tries nothing again. Beside them, clients that hold a
 * server's own stream and open it again whenever it ends. Every call and stream says how it went.
 */
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { call, jsonHeaders } from '../../gateway/test/post.ts';

export interface Target {
  /** https://localhost:port/path */
  readonly url: string;
  readonly ca: string;
  readonly token: string;
}

/** Times are monotonic, ms. */
export interface Exchange {
  readonly what: string;
  readonly startedAt: number;
  endedAt: number | undefined;
  /** The client's side of its connection. */
  port: number | undefined;
  /** Why it has failed. */
  failure: string | undefined;
}

export class SteadyLoad {
  readonly exchanges: Exchange[] = [];
  readonly #target: Target;
  readonly #clients: Promise<void>[] = [];
  readonly #agents: Agent[] = [];
  #stopped = false;

  constructor(target: Target) {
    this.#target = target;
  }

  /** `clients` of them call `tool`; who does not keep his connection makes a new one for each call. */
  call(tool: string, clients: number, keepAlive = true): void {
    for (let i = 0; i < clients; i += 1)
      this.#clients.push(this.#repeat(tool, this.#agent(keepAlive), (reply) => answered(reply)));
  }

  /** `clients` of them hold a stream. */
  listen(clients: number): void {
    for (let i = 0; i < clients; i += 1)
      this.#clients.push(this.#repeat('GET', this.#agent(true), (reply) => drained(reply)));
  }

  get failures(): readonly Exchange[] {
    return this.exchanges.filter(({ failure }) => failure !== undefined);
  }
  get open(): readonly Exchange[] {
    return this.exchanges.filter(({ endedAt }) => endedAt === undefined);
  }

  /** No new calls; streams are left. */
  async stop(): Promise<void> {
    this.#stopped = true;
    const calls = this.exchanges.filter(({ endedAt, what }) => endedAt === undefined && what !== 'GET');
    while (calls.some(({ endedAt }) => endedAt === undefined)) await new Promise((resolve) => setTimeout(resolve, 20));
    for (const agent of this.#agents) agent.destroy();
    await Promise.all(this.#clients);
  }

  #agent(keepAlive: boolean): Agent {
    const agent = new Agent({ keepAlive, maxSockets: 1, ca: this.#target.ca });
    this.#agents.push(agent);
    return agent;
  }

  async #repeat(
    what: string,
    agent: Agent,
    end: (reply: IncomingMessage) => Promise<string | undefined>,
  ): Promise<void> {
    while (!this.#stopped) {
      const exchange: Exchange = {
        what,
        startedAt: performance.now(),
        endedAt: undefined,
        port: undefined,
        failure: undefined,
      };
      this.exchanges.push(exchange);
      const failure = await this.#exchange(exchange, agent, end).catch((error: Error) => `${error.message}`);
      exchange.endedAt = performance.now();
      if (!this.#stopped || what !== 'GET') exchange.failure = failure;
    }
  }

  async #exchange(
    exchange: Exchange,
    agent: Agent,
    end: (reply: IncomingMessage) => Promise<string | undefined>,
  ): Promise<string | undefined> {
    const { token, url } = this.#target;
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const method = exchange.what === 'GET' ? 'GET' : 'POST';
    const asked = request(
      url,
      { method, agent, headers: { ...jsonHeaders, authorization: `Bearer ${token}` } },
      resolve,
    );
    asked.on('error', reject);
    asked.on('socket', (socket) => {
      const note = (): void => {
        exchange.port = socket.localPort;
      };
      if (socket.connecting) socket.once('connect', note);
      else note();
    });
    asked.end(method === 'POST' ? JSON.stringify(call(exchange.what)) : undefined);
    return end(await promise);
  }
}

/** Undefined where the response has come whole. */
async function answered(reply: IncomingMessage): Promise<string | undefined> {
  let text = '';
  for await (const chunk of reply) text += chunk;
  return reply.statusCode === 200 && text.includes('"result"')
    ? undefined
    : `${reply.statusCode}: ${text.slice(0, 300)}`;
}

/** Undefined where the stream was opened, and was ended in order. */
async function drained(reply: IncomingMessage): Promise<string | undefined> {
  for await (const _ of reply);
  return reply.statusCode === 200 ? undefined : String(reply.statusCode);
}
