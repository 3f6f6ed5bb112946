/**
 * A Fastify instance that serves the API: one for the TLS listener, one for the plain HTTP door on loopback.
 * Nothing of a request is logged but method, route, status, time and who: headers and bodies hold secrets.
 */
import type { ServerOptions } from 'node:https';
import Fastify, {
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify';
import { problemOf } from './answer-error.ts';
import { type Mounting, mountRoutes } from './mount-routes.ts';
import { TLS_RULES, type TlsContexts } from './tls-contexts.ts';

const LIMITS = {
  bodyLimit: 2 * 1024 * 1024,
  requestTimeout: 30_000,
  keepAliveTimeout: 10_000,
  connectionTimeout: 60_000,
  routerOptions: { maxParamLength: 200 },
} as const;

export interface Door {
  readonly mounting: Mounting;
  readonly log: FastifyBaseLogger;
  /** Absent: plain HTTP, for loopback alone. */
  readonly tls?: TlsContexts;
  /** Site pair for clients that send no server name. */
  readonly fallback?: { readonly cert: string; readonly key: string };
}

export function createApi({ mounting, log, tls, fallback }: Door): FastifyInstance {
  const options = {
    ...LIMITS,
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    exposeHeadRoutes: false,
  } as const;
  const app = (tls ? Fastify({ ...options, https: httpsOptions(tls, fallback) }) : Fastify(options)) as FastifyInstance;
  parseBodies(app);
  app.setErrorHandler(answerError);
  app.addHook('onSend', async (_, reply) => {
    reply.header('cache-control', 'no-store').header('x-content-type-options', 'nosniff');
  });
  app.addHook('onResponse', async (request, reply) => logChange(request, reply));
  mountRoutes(app, mounting);
  return app;
}

/** JSON as Fastify reads it, without prototypes; but an empty body is no body, because clients name the type of what they do not send. */
function parseBodies(app: FastifyInstance): void {
  const parseJson = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body.length === 0) done(null, undefined);
    else parseJson(request, body as string, done);
  });
}

function httpsOptions(tls: TlsContexts, fallback: Door['fallback']): ServerOptions {
  return {
    ...TLS_RULES,
    ...fallback,
    // the mesh context has the CA; routes decide who is let in, and say why not
    requestCert: true,
    rejectUnauthorized: false,
    SNICallback: (name, done) => {
      // an exception in here would end the process
      try {
        done(null, tls.choose(name));
      } catch (error) {
        done(error as Error);
      }
    },
  };
}

function answerError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const problem = problemOf(error);
  if (problem.status >= 500)
    request.log.error({ err: problem.cause ?? problem, route: request.routeOptions.url }, problem.message);
  if (problem.status === 401) reply.header('www-authenticate', 'Bearer realm="portolan"');
  if (problem.status === 503) reply.header('retry-after', '1');
  if (problem.status === 429) reply.header('retry-after', '5');
  const { code, message, path } = problem;
  return reply.code(problem.status).send({ error: { code, message, ...(path === undefined ? {} : { path }) } });
}

/** Reads are not worth a line; changes are. */
function logChange(request: FastifyRequest, reply: FastifyReply): void {
  if (request.method === 'GET') return;
  const { administrator, method, routeOptions } = request;
  const done = {
    method,
    route: routeOptions.url,
    status: reply.statusCode,
    ms: Math.round(reply.elapsedTime),
    by: administrator?.principal,
    token: administrator?.tokenId,
  };
  // of a request that was refused, not even its names: anything may stand there
  request.log.info(reply.statusCode < 400 ? { ...done, params: request.params } : done, 'change');
}
