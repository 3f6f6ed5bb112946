/**
 * The MCP server that all targets lead to: plain node:http, one tool, about 1 KB out for about 1 KB in; another one answers with a long event stream,
 * and GET opens one that says nothing. It does as little as can be done honestly: it parses the request and answers its id. Run as a process of its own
 * (fork) with the port as its argument, any free one by default; sends `{port}` when it listens, and ends when its parent goes.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { answerBytes, longAnswer } from './call.ts';

const eventStream = { 'content-type': 'text/event-stream' };

if (import.meta.main) {
  const server = createServer({ keepAliveTimeout: 600_000, requestTimeout: 0 }, answer);
  server.listen({ port: Number(process.argv[2] ?? 0), host: '127.0.0.1' }, () =>
    process.send?.({ port: (server.address() as AddressInfo).port }),
  );
  process.once('disconnect', () => process.exit(0));
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  if (request.method === 'GET' && request.url === '/mcp')
    return void response.writeHead(200, eventStream).flushHeaders();
  if (request.method !== 'POST') return void response.writeHead(405, { allow: 'GET, POST' }).end();
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const { id, params } = JSON.parse(Buffer.concat(chunks).toString()) as { id: number; params: { name: string } };
    if (params.name === longAnswer.tool)
      return void Readable.from(longEvents(id)).pipe(response.writeHead(200, eventStream));
    const body = answerBytes(id);
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length }).end(body);
  });
}

function* longEvents(id: number): Generator<string> {
  for (let i = 0; i < longAnswer.notes; i += 1) yield longAnswer.note;
  yield longAnswer.last(id);
}
