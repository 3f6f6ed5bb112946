/**
 * Every listener of the control plane: API over TLS, API on loopback, health, metrics. All or none: a port that is taken closes the others again.
 */
import type { Server } from 'node:http';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import type { Config } from '../config.ts';
import type { MeshMaterial } from '../ports.ts';
import { createApi } from './create-api.ts';
import type { Mounting } from './mount-routes.ts';
import { listenPlainly } from './plain-listener.ts';
import type { SiteSource } from './site-certificate.ts';
import { splitHostPort } from './split-host-port.ts';
import { TLS_RULES, TlsContexts } from './tls-contexts.ts';

export interface ListenerParts {
  readonly listen: Config['listen'];
  readonly mounting: Mounting;
  readonly log: FastifyBaseLogger;
  readonly site: SiteSource;
  readonly mesh: MeshMaterial;
  /** Does PostgreSQL answer. */
  readonly isReady: () => Promise<boolean>;
  /** Prometheus text. */
  readonly metrics: () => Promise<string>;
}

/** Answers what closes them: the API's first, so that requests in flight end while health still answers. */
export async function openListeners(parts: ListenerParts): Promise<() => Promise<void>> {
  const opened: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const end of opened) await end();
  };
  try {
    for (const open of [openTls, openLoopback, openHealth, openMetrics]) opened.push(await open(parts));
    return close;
  } catch (error) {
    await close();
    throw error;
  }
}

async function openTls({ listen, mounting, log, site, mesh }: ListenerParts): Promise<() => Promise<void>> {
  const tls = new TlsContexts(site, mesh, mounting.meshName);
  const pair = site.current();
  const app = createApi({ mounting, log, tls, ...(pair && { fallback: pair }) });
  // for clients that send no server name
  const forget = site.onChange(() => 'setSecureContext' in app.server && renewDefault(app, site));
  await app.listen(splitHostPort(listen.tls)).catch((cause: unknown) => {
    tls.stop();
    throw portTrouble('listen.tls', listen.tls, cause);
  });
  return async () => {
    forget();
    tls.stop();
    await app.close();
  };
}

function renewDefault({ server }: FastifyInstance, site: SiteSource): void {
  if ('setSecureContext' in server && typeof server.setSecureContext === 'function')
    server.setSecureContext({ ...TLS_RULES, ...site.current() });
}

async function openLoopback({ listen, mounting, log }: ListenerParts): Promise<() => Promise<void>> {
  const address = listen.insecureLoopback;
  if (address === undefined) return async () => {};
  const app = createApi({ mounting, log });
  await app.listen(splitHostPort(address)).catch((cause: unknown) => {
    throw portTrouble('listen.insecureLoopback', address, cause);
  });
  return async () => app.close();
}

async function openHealth({ listen, isReady }: ListenerParts): Promise<() => Promise<void>> {
  const server = await listenPlainly(listen.health, {
    '/livez': async () => ({ status: 200 }),
    '/readyz': async () => ({ status: (await isReady()) ? 200 : 503 }),
  }).catch((cause: unknown) => {
    throw portTrouble('listen.health', listen.health, cause);
  });
  return () => closed(server);
}

async function openMetrics({ listen, metrics }: ListenerParts): Promise<() => Promise<void>> {
  const server = await listenPlainly(listen.metrics, {
    '/metrics': async () => ({ status: 200, type: 'text/plain; version=0.0.4; charset=utf-8', text: await metrics() }),
  }).catch((cause: unknown) => {
    throw portTrouble('listen.metrics', listen.metrics, cause);
  });
  return () => closed(server);
}

function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}

function portTrouble(setting: string, address: string, cause: unknown): Error {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  const why =
    code === 'EADDRINUSE'
      ? 'the port is taken: end what listens there, or choose another'
      : String((cause as Error).message);
  return new Error(`controlPlane.${setting}: cannot listen on ${address}: ${why}.`, { cause });
}
