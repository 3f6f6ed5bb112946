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
export function requestBytes(door: Door, era: Options['era'], id: number): Buffer {
  const body = JSON.stringify(requestMessage(era, id));
  const head = [
    `POST ${door.path} HTTP/1.1`,
    `Host: ${door.host}:${door.port}`,
    `Authorization: Bearer ${door.token}`,
    'User-Agent: portolan-bench/1',
    'Content-Type: application/json',
    'Accept: application/json, text/event-stream',
    `MCP-Protocol-Version: ${revision[era]}`,
    ...(era === 'modern' ? ['Mcp-Method: tools/call', `Mcp-Name: ${toolName}`] : []),
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`);
}

/** Opens the server's stream, as clients of the older era do. */
export const streamRequestBytes = (door: Door): Buffer =>
  Buffer.from(
    [
      `GET ${door.path} HTTP/1.1`,
      `Host: ${door.host}:${door.port}`,
      `Authorization: Bearer ${door.token}`,
      'Accept: text/event-stream',
      `MCP-Protocol-Version: ${revision.legacy}\r\n\r\n`,
    ].join('\r\n'),
  );

const event = (message: object): string => `event: message\ndata: ${JSON.stringify(message)}\n\n`;
const note = event({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: filling } });

/** An event stream of about 10 MB; `end` is in its last event alone. */
export const longAnswer = {
  tool: 'read_log',
  note,
  notes: Math.ceil(10_000_000 / note.length),
  bytes: 10_000_000,
  end: '"the end of the log"',
  last: (id: number): string =>
    event({ jsonrpc: '2.0', id, result: { content: [], _meta: { says: 'the end of the log' } } }),
} as const;

/** Asks for it. */
export function longRequestBytes(door: Door): Buffer {
  const params = { name: longAnswer.tool, arguments: {} };
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params });
  const head = [
    `POST ${door.path} HTTP/1.1`,
    `Host: ${door.host}:${door.port}`,
    `Authorization: Bearer ${door.token}`,
    'Content-Type: application/json',
    'Accept: application/json, text/event-stream',
    `MCP-Protocol-Version: ${revision.legacy}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`);
}

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
