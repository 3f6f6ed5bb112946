/**
 * A caller on the mesh side of a gateway: TLS with a client certificate and the mesh name, one raw HTTP/1.1 request.
 * It checks nothing of the server, because here the server is the one under attack.
 */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ConnectionOptions, connect } from 'node:tls';
import { type Made, makeCertificate } from './certificates.ts';
import type { Federation } from './federation.ts';

export interface MeshIdentity {
  readonly key: string;
  readonly cert: string;
}

export interface MeshReply {
  /** 0 where the connection ended without an answer. */
  readonly status: number;
  readonly text: string;
}

const offsets: Readonly<Record<string, number>> = { aws: 10, azure: 20, gcp: 30, onprem: 40 };

/** What a stolen gateway would hold. */
export async function identityOf(federation: Federation, gateway: string): Promise<MeshIdentity> {
  const folder = join(federation.dir, 'gateways', gateway, 'identity');
  const [key, cert] = await Promise.all([
    readFile(join(folder, 'mesh.key'), 'utf8'),
    readFile(join(folder, 'mesh.crt'), 'utf8'),
  ]);
  return { key, cert };
}

/** A certificate with a gateway's SPIFFE ID from an authority of the attacker's own. */
export function forgedIdentity(federation: Federation, gateway: string, days = 1): Promise<Made> {
  return makeCertificate({ uri: `spiffe://${federation.stack}/gateway/${gateway}`, days });
}

export const hopHeader = (entry: string, over: { hops?: number; via?: string } = {}): string =>
  `id="${randomUUID()}", entry="${entry}", hops=${over.hops ?? 1}, via=(${over.via ?? `"${entry}"`}), deadline=60000`;

/** `POST /mcp/mcp-m365` with a tools/list at `gateway`'s mesh name. */
export async function askAsPeer(
  federation: Federation,
  gateway: string,
  identity: Partial<MeshIdentity>,
  headers: Readonly<Record<string, string>>,
): Promise<MeshReply> {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' });
  const host = `${gateway}.${federation.stack}.mesh.internal`;
  const lines = [
    'POST /mcp/mcp-m365 HTTP/1.1',
    `Host: ${host}`,
    'Content-Type: application/json',
    'Accept: application/json, text/event-stream',
    `Content-Length: ${body.length}`,
    'Connection: close',
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
  const port = federation.portBase + (offsets[gateway] ?? 0);
  return exchange(
    { host: '127.0.0.1', port, servername: host, rejectUnauthorized: false, ...identity },
    `${lines.join('\r\n')}\r\n\r\n${body}`,
  );
}

/** Sends `text`, answers what came until the end of the connection. */
export function exchange(options: ConnectionOptions, text: string): Promise<MeshReply> {
  return new Promise((resolve) => {
    let received = '';
    const done = () => resolve({ status: Number(/^HTTP\/1\.1 (\d{3})/.exec(received)?.[1] ?? 0), text: received });
    const socket = connect(options, () => socket.write(text));
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString();
    });
    socket.on('close', done);
    socket.on('error', () => socket.destroy());
  });
}
