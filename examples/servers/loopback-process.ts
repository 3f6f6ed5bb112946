/**
 * What every example process does the same way: read `--port`, answer `/healthz`, listen on loopback alone, say so in
 * one line, end at once on SIGTERM. It knows nothing of MCP, so that `mcp-legacy` can put it around a foreign server.
 * Invariant: a process that cannot listen exits with 1 and names the port.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';

/** The one address these servers listen on. */
export const loopback = '127.0.0.1';

/** Reads `--port N` (0..65535; 0 = a free port). Exits with 2 and a usage line when it is missing or not a port. */
export function readPort(name: string, args: readonly string[]): number {
  const port = portIn(args);
  if (port !== undefined) return port;
  console.error(`${name}: expected --port N with N from 0 to 65535, got "${args.join(' ')}".`);
  return process.exit(2);
}

function portIn(args: readonly string[]): number | undefined {
  try {
    const { values } = parseArgs({ args: [...args], options: { port: { type: 'string' } } });
    return /^\d{1,5}$/.test(values.port ?? '') && Number(values.port) < 65_536 ? Number(values.port) : undefined;
  } catch {
    return undefined; // parseArgs refuses unknown arguments by throwing
  }
}

/** Answers GET /healthz with 200 and returns true; returns false, having done nothing, for any other request. */
export function answerHealth(request: IncomingMessage, response: ServerResponse): boolean {
  if (request.url !== '/healthz') return false;
  response.writeHead(200, { 'content-type': 'application/json' }).end('{"status":"ok"}');
  return true;
}

/** Listens, prints `<name> listens on http://127.0.0.1:<port>/mcp`, and ends the process on SIGTERM or SIGINT. */
export function listenOnLoopback(server: Server, name: string, port: number): void {
  server.keepAliveTimeout = 65_000; // longer than a proxy in front keeps an idle connection, or its next call is reset
  announce(server, name, port);
  endOnSignal();
  server.listen({ port, host: loopback });
}

/** Prints the one start line, or why there is none. */
export function announce(server: Server, name: string, port: number): void {
  server.once('listening', () => {
    const { port: taken } = server.address() as AddressInfo;
    process.stdout.write(`${name} listens on http://${loopback}:${taken}/mcp\n`); // console.log is silenced in mcp-legacy
  });
  server.once('error', (error: NodeJS.ErrnoException) => {
    const reason = error.code === 'EADDRINUSE' ? 'it is taken: stop its owner or pass another --port' : error.message;
    console.error(`${name}: cannot listen on ${loopback}:${port}: ${reason}.`);
    process.exit(1);
  });
}

/** There is nothing to flush: answers in flight are the client's to retry, and the next start must find the port free. */
export function endOnSignal(): void {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(0));
}
