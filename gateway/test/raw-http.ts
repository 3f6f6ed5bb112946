/** HTTP as bytes: for requests that no client would send, and for peers that are not who they should be. */
import { connect as connectTcp, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { meshName } from '@portolan/core';
import type { MeshCredentials } from '../ports.ts';
import { FEDERATION, type TestGateway } from './mesh.ts';

export interface RawReply {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into replies
  json(): any;
}

function parse(text: string): RawReply {
  const [head = '', ...rest] = text.split('\r\n\r\n');
  const [start = '', ...lines] = head.split('\r\n');
  const headers = new Map(
    lines.map((line): [string, string] => {
      const at = line.indexOf(':');
      return [line.slice(0, at).toLowerCase(), line.slice(at + 1).trim()];
    }),
  );
  const body = rest.join('\r\n\r\n');
  return { status: Number(start.split(' ')[1]), headers, body, json: () => JSON.parse(body) };
}

/** Sends the bytes and reads until the other side closes, or one whole reply with Content-Length is there. */
export function exchange(socket: Socket, bytes: string): Promise<RawReply> {
  const { promise, resolve, reject } = Promise.withResolvers<RawReply>();
  let text = '';
  const whole = (): boolean => {
    const at = text.indexOf('\r\n\r\n');
    const length = /\r\ncontent-length: *(\d+)/i.exec(text)?.[1];
    return at >= 0 && length !== undefined && text.length >= at + 4 + Number(length);
  };
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
    if (whole()) resolve(parse(text));
  });
  socket.on('error', reject);
  socket.on('close', () => (text === '' ? reject(new Error('closed without a reply')) : resolve(parse(text))));
  socket.write(bytes);
  return promise.finally(() => socket.destroy());
}

export const plain = (port: number): Socket => connectTcp({ host: '127.0.0.1', port });

/** A connection to the public name of `gateway`. */
export const publicName = ({ tls }: TestGateway): TLSSocket =>
  connectTls({ host: '127.0.0.1', port: tls.port, servername: 'localhost', rejectUnauthorized: false });

/** A connection to the mesh name of `gateway`, with whatever certificate. The server's is not checked: that is another test's. */
export function asPeer(
  gateway: TestGateway,
  own: MeshCredentials | undefined,
  options: ConnectionOptions = {},
): TLSSocket {
  return connectTls({
    host: '127.0.0.1',
    port: gateway.tls.port,
    servername: meshName(gateway.name, FEDERATION),
    rejectUnauthorized: false,
    minVersion: 'TLSv1.3',
    ...(own && { key: own.key, cert: own.chain }),
    ...options,
  });
}

export function request(lines: readonly string[], body = ''): string {
  const length = body === '' ? [] : [`content-length: ${Buffer.byteLength(body)}`];
  return `${[...lines, ...length].join('\r\n')}\r\n\r\n${body}`;
}
