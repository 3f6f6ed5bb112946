/**
 * mcp-legacy (site onprem): the real `@modelcontextprotocol/server-everything` in streamableHttp mode, which speaks only
 * 2025-11-25 and older, with sessions, SSE and resumption. It is run unchanged; what it lacks is put around it here:
 * by itself it binds every interface and has no `/healthz`.
 * Invariant: no listener of this process opens on another address than 127.0.0.1.
 */
import { Server as HttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Server } from 'node:net';
import { announce, answerHealth, endOnSignal, loopback, readPort } from './loopback-process.ts';

const name = 'mcp-legacy';

/** Must run before the foreign server is imported. */
function keepOnLoopback(port: number): void {
  const listen = Server.prototype.listen;
  Server.prototype.listen = function onLoopback(this: Server, ...asked: unknown[]): Server {
    const ready = asked.find((argument) => typeof argument === 'function');
    if (this instanceof HttpServer) surround(this, port);
    return Reflect.apply(listen, this, [{ port, host: loopback }, ready]);
  };
}

function surround(server: HttpServer, port: number): void {
  announce(server, name, port);
  const theirs = server.listeners('request');
  server.removeAllListeners('request');
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    if (answerHealth(request, response)) return;
    for (const listener of theirs) listener.call(server, request, response);
  });
}

if (import.meta.main) {
  const port = readPort(name, process.argv.slice(2));
  keepOnLoopback(port);
  endOnSignal();
  process.env.PORT = String(port); // its only setting; the listener is ours, but its own start line reads it
  console.log = () => {}; // it writes a line for every request; errors go to console.error and stay
  // @ts-expect-error it ships no types; importing it is what starts it
  await import('@modelcontextprotocol/server-everything/dist/transports/streamableHttp.js');
}
