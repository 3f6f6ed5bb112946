/**
 * A dual-era MCP server with every feature of both revisions, under the fixture names that the conformance suite expects
 * (@modelcontextprotocol/conformance 0.2.0-alpha.12). One endpoint, `/mcp`, on 127.0.0.1: a legacy request meets real sessions with
 * resumable streams, a modern one a strict handler. What the tools do is in the files beside; this one only opens the door.
 * Invariant: it listens on loopback alone and refuses foreign Host and Origin headers, as the suite demands.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  hostHeaderValidation,
  localhostHostValidation,
  localhostOriginValidation,
  type NodeIncomingMessageLike,
  toNodeHandler,
} from '@modelcontextprotocol/node';
import { createMcpHandler, isLegacyRequest, type McpHttpHandler } from '@modelcontextprotocol/server';
import { buildServer } from './build-server.ts';
import { Changes } from './changes.ts';
import { LegacySessions } from './legacy-sessions.ts';
import { gateTaskTools } from './tasks/gate-task-tools.ts';
import { TaskStore } from './tasks/task-store.ts';

/** Which revisions it speaks: 2025-11-25 and older, 2026-07-28, or both on one endpoint. */
export type EverythingEra = 'legacy' | 'modern' | 'dual';

export interface EverythingOptions {
  /** Default: a free one. */
  readonly port?: number;
  /** Default: dual. */
  readonly era?: EverythingEra;
  /** Host names under which it answers, beside loopback's. Default: none. */
  readonly hosts?: readonly string[];
}

export class Everything implements AsyncDisposable {
  readonly sessions: LegacySessions;
  readonly #modern: McpHttpHandler;
  readonly #http: Server;

  private constructor(era: EverythingEra, hosts: readonly string[]) {
    const changes = new Changes();
    const tasks = new TaskStore();
    this.#modern = createMcpHandler(() => buildServer({ era: 'modern', changes, tasks }), { legacy: 'reject' });
    this.sessions = new LegacySessions(() => buildServer({ era: 'legacy', changes, tasks }));
    changes.reach({ modern: this.#modern.notify, legacy: this.sessions });
    this.#http = createServer(door(this.#route(era), hosts));
  }

  static async start({ port = 0, era = 'dual', hosts = [] }: EverythingOptions = {}): Promise<Everything> {
    const everything = new Everything(era, hosts);
    await new Promise<void>((resolve, reject) => {
      everything.#http.once('error', reject).listen(port, '127.0.0.1', resolve);
    });
    return everything;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}/mcp`;
  }

  #route(era: EverythingEra): (request: Request) => Promise<Response> {
    const modern = gateTaskTools(this.#modern.fetch);
    const legacy = (request: Request) => this.sessions.fetch(request);
    if (era === 'legacy') return legacy;
    if (era === 'modern') return modern;
    return async (request) => ((await isLegacyRequest(request)) ? legacy(request) : modern(request));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const stopped = new Promise<void>((resolve) => this.#http.close(() => resolve()));
    await Promise.all([this.#modern.close(), this.sessions.close()]);
    this.#http.closeAllConnections();
    await stopped;
  }
}

function door(fetch: (request: Request) => Promise<Response>, hosts: readonly string[]) {
  const handle = toNodeHandler({ fetch }, { onerror: (error) => console.error(`everything: ${error.message}`) });
  const hostIsOurs = hosts.length === 0 ? localhostHostValidation() : hostHeaderValidation([...hosts]);
  const originIsOurs = localhostOriginValidation();
  return (request: IncomingMessage, response: ServerResponse) => {
    if (!hostIsOurs(request, response) || !originIsOurs(request, response)) return;
    if (request.url === '/mcp') return handle(request as NodeIncomingMessageLike, response); // not typed for exactOptionalPropertyTypes
    response.writeHead(404, { 'content-type': 'application/json' }).end('{"error":"not_found"}');
  };
}
