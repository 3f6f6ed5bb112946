/**
 * The one call that the bench makes: `tools/call` with about 1 KB of arguments, answered by a JSON result of about 1 KB,
 * in the modern era (2026-07-28, mirrored headers) or the older one (2025-11-25, without a session). Pure.
 * Every connection has its own JSON-RPC id, so an answer that reached the wrong caller is seen.
 */
import type { Options } from './options.ts';

const filling = 'The harbour master reads the chart, marks the depth, and lets the next ship in. '.repeat(10);
export const toolName = 'read_chart';
export const revision = { modern: '2026-07-28', legacy: '2025-11-25' } as const;

export interface Door {
  readonly host: string;
  readonly port: number;
  /** Path of the MCP endpoint. */
  readonly path: string;
  readonly token: string;
}

/** The request's bytes, ready to be written again and again. */
export const requestBytes = (door: Door, era: Options['era'], id: number): Buffer =>
  callBytes(door, era, requestMessage(era, id));

function callBytes(door: Door, era: Options['era'], message: object): Buffer {
  const body = JSON.stringify(message);
  const head = [
    'User-Agent: portolan-bench/1',
    'Content-Type: application/json',
    'Accept: application/json, text/event-stream',
    `MCP-Protocol-Version: ${revision[era]}`,
    ...(era === 'modern' ? ['Mcp-Method: tools/call', `Mcp-Name: ${toolName}`] : []),
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  return httpBytes('POST', door, head, body);
}

/** Opens the server's stream, as clients of the older era do. */
export const streamRequestBytes = (door: Door): Buffer =>
  httpBytes('GET', door, ['Accept: text/event-stream', `MCP-Protocol-Version: ${revision.legacy}`], '');

/** `head`: lines behind those that every request has. */
function httpBytes(method: string, door: Door, head: readonly string[], body: string): Buffer {
  const always = [`Host: ${door.host}:${door.port}`, `Authorization: Bearer ${door.token}`];
  return Buffer.from(`${[`${method} ${door.path} HTTP/1.1`, ...always, ...head].join('\r\n')}\r\n\r\n${body}`);
}

const event = (message: object): string => `event: message\ndata: ${JSON.stringify(message)}\n\n`;
const note = event({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: filling } });

const LONG_BYTES = 10_000_000;
const END = 'the end of the log';

/** An event stream of about 10 MB; `end` is in its last event alone. */
export const longAnswer = {
  tool: 'read_log',
  note,
  notes: Math.ceil(LONG_BYTES / note.length),
  bytes: LONG_BYTES,
  end: JSON.stringify(END),
  last: (id: number): string => event({ jsonrpc: '2.0', id, result: { content: [], _meta: { says: END } } }),
} as const;

/** Asks for it. */
export const longRequestBytes = (door: Door): Buffer =>
  callBytes(door, 'legacy', {
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name: longAnswer.tool, arguments: {} },
  });

/** The JSON-RPC request. */
export function requestMessage(era: Options['era'], id: number): object {
  const envelope = {
    'io.modelcontextprotocol/protocolVersion': revision.modern,
    'io.modelcontextprotocol/clientCapabilities': {},
    'io.modelcontextprotocol/clientInfo': { name: 'portolan-bench', version: '1' },
  };
  const params = { name: toolName, arguments: { text: filling } };
  const _meta = era === 'modern' ? { _meta: envelope } : {};
  return { jsonrpc: '2.0', id, method: 'tools/call', params: { ...params, ..._meta } };
}

/** The answer's body, in the bytes that the upstream writes. */
export function answerBytes(id: number): Buffer {
  const result = { resultType: 'complete', content: [{ type: 'text', text: filling }], isError: false };
  return Buffer.from(JSON.stringify({ jsonrpc: '2.0', id, result }));
}
