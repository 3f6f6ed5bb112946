/** A plain HTTP listener with a handful of GET paths and no bodies in: health and metrics. No framework, no tokens, nothing to attack. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { splitHostPort } from './split-host-port.ts';

export interface PlainAnswer {
  readonly status: number;
  readonly type?: string;
  readonly text?: string;
}

export type PlainPaths = Readonly<Record<string, () => Promise<PlainAnswer>>>;

/** Listens at once; throws with a sentence when the port is taken. */
export async function listenPlainly(address: string, paths: PlainPaths): Promise<Server> {
  const server = createServer({ requestTimeout: 5_000, headersTimeout: 5_000 }, (request, reply) => {
    answer(paths, request).then(
      (done) => send(reply, done),
      () => send(reply, { status: 500 }),
    );
  });
  server.listen(splitHostPort(address));
  await once(server, 'listening');
  return server;
}

async function answer(paths: PlainPaths, { method, url = '' }: IncomingMessage): Promise<PlainAnswer> {
  const path = url.split('?', 1)[0] ?? '';
  const serve = Object.hasOwn(paths, path) ? paths[path] : undefined;
  if (!serve) return { status: 404 };
  return method === 'GET' || method === 'HEAD' ? serve() : { status: 405 };
}

function send(reply: ServerResponse, { status, type = 'text/plain; charset=utf-8', text = '' }: PlainAnswer): void {
  reply.writeHead(status, text === '' ? {} : { 'content-type': type }).end(text);
}
