/**
 * A stand-in that speaks the control plane's REST API (docs/architecture.md) from memory over real HTTP: enough to see
 * what the registry resources ask for, and how they take its answers. Its own strictness is core/api.ts.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { api } from '@portolan/core';
import type { Properties } from '../wire.ts';
import { freePort } from './target-process.ts';

const bodies = {
  gateways: api.GatewayBody,
  'mcp-servers': api.McpServerBody,
  users: api.UserBody,
  'virtual-accounts': api.VirtualAccountBody,
  grants: api.GrantBody,
  'peer-matrix': api.PeerMatrixBody,
} as const;

export const adminToken = 'ptl_test_admin_secret';
export const enrolmentSecret = 'ptl_enr_one_time_secret';

export interface TlsDoor {
  readonly address: string;
  readonly port: number;
  /** PEM. */
  readonly cert: string;
  readonly key: string;
}

export class RegistryStandIn implements AsyncDisposable {
  readonly dir = mkdtempSync(join(tmpdir(), 'portolan-registry-'));
  /** `PUT /gateways/aws` */
  readonly asked: string[] = [];
  readonly entries = new Map<string, Properties>();
  readonly enrolled = new Set<string>();
  enrolmentLifeMs = 3_600_000;
  #server: Server | undefined;
  #port = 0;

  get control() {
    return { url: `http://127.0.0.1:${this.#port}`, adminTokenFile: join(this.dir, 'admin-token') };
  }

  /** Reserves the address, so that resources can be told of a control plane that does not run yet. */
  async reserve(): Promise<this> {
    this.#port = await freePort();
    writeFileSync(this.control.adminTokenFile, `${adminToken}\n`, { mode: 0o600 });
    return this;
  }

  async start(): Promise<this> {
    return this.#listen(createServer(this.#onRequest), this.#port, '127.0.0.1');
  }

  /** As a control plane stands behind its balancer. */
  async startTls({ address, port, cert, key }: TlsDoor): Promise<this> {
    return this.#listen(createTlsServer({ cert, key }, this.#onRequest), port, address);
  }

  async #listen(server: Server, port: number, address: string): Promise<this> {
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, address, resolve));
    this.#server = server;
    return this;
  }

  readonly #onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    this.#answer(request, response);
  };

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    server?.closeAllConnections();
    if (server) await new Promise((resolve) => server.close(resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks = await request.toArray();
    const path = (request.url ?? '').replace(/^\/api\/v1/, '');
    this.asked.push(`${request.method} ${path}`);
    const { status, body } =
      request.headers.authorization === `Bearer ${adminToken}`
        ? this.#decide(request.method ?? '', path, Buffer.concat(chunks).toString())
        : refusal(401, 'unauthenticated', 'Unknown token.');
    response.writeHead(status, { 'content-type': 'application/json' }).end(body ? JSON.stringify(body) : undefined);
  }

  #decide(method: string, path: string, text: string): Answer {
    const [, collection = '', name = '', more] = path.split('/');
    const schema = bodies[collection as keyof typeof bodies];
    if (!schema) return refusal(404, 'not_found', 'There is no such path.');
    if (more === 'enrolments' && method === 'POST') return this.#enrol(name);
    if (method === 'PUT') return this.#put(path, name, schema.safeParse(JSON.parse(text)));
    if (method === 'DELETE' && !this.entries.delete(path)) return refusal(404, 'not_found', `There is no ${path}.`);
    if (method === 'DELETE') return { status: 204 };
    const found = this.entries.get(path);
    return found ? { status: 200, body: found } : refusal(404, 'not_found', `There is no ${path}.`);
  }

  #put(path: string, name: string, parsed: { success: boolean; data?: unknown; error?: Error | undefined }): Answer {
    if (!parsed.success) return refusal(400, 'invalid', parsed.error?.message ?? '');
    const body = parsed.data as Properties;
    const view = { name, ...body, ...this.#views(path, name, body) };
    const status = this.entries.has(path) ? 200 : 201;
    this.entries.set(path, view);
    return { status, body: view };
  }

  #views(path: string, name: string, body: Properties): Properties {
    if (path.startsWith('/gateways/')) {
      const { hostname, port } = new URL(String(body.url));
      const dial = body.dial ?? `${hostname}:${port || '443'}`;
      return { dial, status: 'active', enrolled: this.enrolled.has(name), revision: 1, createdAt: 'x' };
    }
    if (path.startsWith('/mcp-servers/')) return { proxyUrl: 'https://gw.example', createdAt: 'x' };
    return path === '/peer-matrix' ? {} : { createdAt: 'x' };
  }

  #enrol(name: string): Answer {
    const expiresAt = new Date(Date.now() + this.enrolmentLifeMs).toISOString();
    return {
      status: 201,
      body: { gateway: name, token: enrolmentSecret, meshRootSha256: 'ab', snapshotKeyThumbprints: ['cd'], expiresAt },
    };
  }
}

interface Answer {
  readonly status: number;
  readonly body?: unknown;
}

const refusal = (status: number, code: string, message: string): Answer => ({
  status,
  body: { error: { code, message } },
});
