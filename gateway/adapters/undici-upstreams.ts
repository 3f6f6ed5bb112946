/**
 * `UpstreamTransport` over undici: one set of lanes an MCP server, dialled only inside the reach of this plane.
 * Names are resolved here and each address is asked about, so a name that later points elsewhere opens nothing (DNS rebinding).
 * Invariant: an upstream's redirect is followed once, to its own origin only, and remembered until nothing is there; no other 3xx gets past this file.
 */
import { lookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { type McpServer, type Refusal, refuse } from '@portolan/core';
import { type buildConnector, errors } from 'undici';
import type { Answer, Exchange, Registry, UpstreamTransport } from '../ports.ts';
import { leave } from '../stream/leave.ts';
import { CONNECT_TIMEOUT_MS, DialTimeout } from './connect-timeout.ts';
import { dialler } from './undici-dial.ts';
import { NoAnswer, openExchange } from './undici-exchange.ts';
import { Lanes } from './undici-lanes.ts';

export interface UpstreamDialling {
  readonly registry: Registry;
  /** The plane's reach (`compileReach`) without this gateway's own listeners and the control plane's stores. */
  readonly mayDial: (address: string, port: number) => boolean;
  /** Look-up, TCP and TLS together; default 2 s. */
  readonly connectTimeoutMs?: number;
  /** Told how exchanges go. */
  readonly watch?: UpstreamWatch;
}

/** Who wants to know, by name of the server, that an exchange failed or an answer began; called on the way of each call, so it only takes note. */
export interface UpstreamWatch {
  failed(server: string): void;
  answered(server: string): void;
}

class OutOfReach extends Error {}

/** Where a server is, and by which path it answers: another one once it has redirected. */
interface Line {
  readonly url: URL;
  readonly lanes: Lanes;
  path: string;
}

export class UndiciUpstreams implements UpstreamTransport {
  readonly #options: UpstreamDialling;
  /** By registered URL. */
  readonly #lines = new Map<string, Line>();
  readonly #stop: () => void;

  constructor(options: UpstreamDialling) {
    this.#options = options;
    this.#stop = options.registry.onChange(() => this.#prune());
  }

  async open(server: McpServer, exchange: Exchange): Promise<Answer> {
    const line = this.#line(server);
    const { path } = line;
    const answer = await this.#send(line, server, exchange);
    const { watch } = this.#options;
    if (answer.status < 500) watch?.answered(server.name);
    else watch?.failed(server.name);
    if (line.path === path && isNowhere(answer, exchange)) line.path = registered(line.url); // it may have moved back
    if (answer.status < 300 || answer.status > 399) return answer;
    line.path = redirected(line, server, answer);
    const second = await this.#send(line, server, exchange);
    if (second.status < 300 || second.status > 399) return second;
    leave(second);
    throw invalid(server, 'it redirected twice');
  }

  async close(): Promise<void> {
    this.#stop();
    await Promise.all([...this.#lines.values()].map((line) => line.lanes.close()));
  }

  #line(server: McpServer): Line {
    const text = server.url ?? '';
    const known = this.#lines.get(text);
    if (known) return known;
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (!url || !/^https?:$/.test(url.protocol))
      throw invalid(server, 'its registered URL is not an http or https URL');
    const connect = reachConnector(this.#options.mayDial, this.#options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS);
    const line = { url, lanes: new Lanes(url.origin, connect), path: registered(url) };
    this.#lines.set(text, line);
    return line;
  }

  #send(line: Line, server: McpServer, exchange: Exchange): Promise<Answer> {
    return openExchange(line.lanes, line.path, exchange, (error, phase) => {
      this.#options.watch?.failed(server.name);
      return explain(server, error, phase);
    });
  }

  #prune(): void {
    const servers = this.#options.registry.current()?.servers.values() ?? [];
    const registered = new Set([...servers].map((server) => server.url));
    for (const [url, line] of this.#lines) {
      if (registered.has(url)) continue;
      this.#lines.delete(url);
      void line.lanes.close();
    }
  }
}

const registered = (url: URL): string => url.pathname + url.search;

/**
 * Is nothing there? 405 to GET says only that there is no stream, 404 under a session id that the session is over (MCP 2025-11-25, transports), and one in
 * JSON, since 2026-07-28, where each request names its method in a header, that there is no such method.
 */
function isNowhere({ status, headers }: Answer, { method, headers: sent }: Exchange): boolean {
  if (method !== 'POST' || (status !== 404 && status !== 405)) return false;
  if (isSent('mcp-session-id', sent)) return false;
  return (
    status === 405 || !isSent('mcp-method', sent) || !/^application\/json\b/i.test(String(headers['content-type']))
  );
}

/** Names stand at the even places, values behind them. */
const isSent = (name: string, headers: Exchange['headers']): boolean =>
  headers.some((text, i) => i % 2 === 0 && text === name);

const invalid = (server: McpServer, expected: string): Refusal =>
  refuse('upstream_invalid', { name: server.name, hop: server.gateway, expected });

/** Where 307 and 308 point, if that is the server's own origin: method and body stay as they are (RFC 9110 §15.4.8). */
function redirected(line: Line, server: McpServer, answer: Answer): string {
  leave(answer);
  const { location } = answer.headers;
  const kept = answer.status === 307 || answer.status === 308;
  const base = new URL(line.path, line.url);
  const target =
    typeof location === 'string' && URL.canParse(location, base.href) ? new URL(location, base) : undefined;
  if (!kept || target?.origin !== line.url.origin) throw invalid(server, `it answered ${answer.status}`);
  return target.pathname + target.search;
}

function reachConnector(mayDial: UpstreamDialling['mayDial'], timeoutMs: number): buildConnector.connector {
  const connectors = new Map<number, buildConnector.connector>();
  const through = (port: number): buildConnector.connector => {
    const made = dialler({ lookup: reachable(mayDial, port) } as buildConnector.BuildOptions, timeoutMs);
    connectors.set(port, made);
    return made;
  };
  return (target, callback) => {
    const port = Number(target.port) || (target.protocol === 'https:' ? 443 : 80);
    const host = target.hostname.replace(/^\[|\]$/g, '');
    // net.connect looks no literal up, so `lookup` below would never see it
    if (isIP(host) !== 0 && !mayDial(host, port)) callback(new OutOfReach(`${host}:${port}`), null);
    else (connectors.get(port) ?? through(port))({ ...target, hostname: host }, callback);
  };
}

/** A look-up that answers only addresses that may be dialled. */
function reachable(mayDial: UpstreamDialling['mayDial'], port: number): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, found) => {
      if (error) return callback(error, '');
      const open = found.filter(({ address }) => mayDial(address, port));
      const [first] = open;
      if (!first) return callback(new OutOfReach(`${hostname}:${port}`), '');
      return options.all ? callback(null, open) : callback(null, first.address, first.family);
    });
  };
}

function explain(server: McpServer, error: Error, phase: 'unsent' | 'broken'): Refusal {
  const code = (error as NodeJS.ErrnoException).code;
  const context = { name: server.name, hop: server.gateway, cause: error, detail: error.message };
  if (error instanceof OutOfReach) return refuse('upstream_out_of_reach', context);
  if (phase === 'unsent' || error instanceof DialTimeout) return refuse('upstream_down', context);
  if (isNoHttp(error)) return refuse('upstream_invalid', { ...context, expected: 'it is not valid HTTP' });
  if (!/_TIMEOUT$/.test(code ?? '')) return refuse('upstream_failed', context);
  return refuse('upstream_timeout', { ...context, expected: 'its connection says nothing' });
}

/** undici says some of it in words alone: `bad response` for a 100 that nobody asked for, `bad upgrade` for a 101. */
const isNoHttp = (error: Error): boolean =>
  error instanceof NoAnswer ||
  error instanceof errors.HTTPParserError ||
  /HEADERS_OVERFLOW|CONTENT_LENGTH_MISMATCH/.test((error as NodeJS.ErrnoException).code ?? '') ||
  /^bad (?:response|upgrade)$/.test(error.message);
