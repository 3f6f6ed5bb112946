/**
 * A caller on the mesh side of a gateway: TLS with a client certificate and the mesh name, one raw HTTP/1.1 request.
 * It checks nothing of the server, because here the server is the one under attack.
 */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ConnectionOptions, connect } from 'node:tls';
import { hopKey, hopProof, parseToken, writeCaller } from '@portolan/core';
import { Client } from 'undici';
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

/** What a gateway says of alice to `gateway`, and to no other. */
export function proofOfAlice(federation: Federation, gateway: string): string {
  const token = parseToken(federation.local.users.alice?.token ?? '');
  if (!token || token.kind === 'enr') throw new Error('alice has no token');
  return writeCaller({ kind: token.kind, id: token.id, proof: hopProof(hopKey(token.secret), gateway) });
}

/** Both headers of a hop from `entry` to `gateway`, for alice. */
export const hopHeaders = (federation: Federation, entry: string, gateway: string): Record<string, string> => ({
  'portolan-hop': hopHeader(entry),
  'portolan-caller': proofOfAlice(federation, gateway),
});

/** Key of the audit row of an answer. */
export const requestIdOf = (reply: MeshReply): string => /x-request-id: (\S+)/i.exec(reply.text)?.[1] ?? 'none';

const LIST = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' });
const JSON_HEADERS = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };

/** `POST /mcp/mcp-m365` with a tools/list at `gateway`'s mesh name, on a connection of its own. */
export async function askAsPeer(
  federation: Federation,
  gateway: string,
  identity: Partial<MeshIdentity>,
  headers: Readonly<Record<string, string>>,
): Promise<MeshReply> {
  const door = meshDoor(federation, gateway);
  const lines = [
    'POST /mcp/mcp-m365 HTTP/1.1',
    `Host: ${door.servername}`,
    `Content-Length: ${LIST.length}`,
    'Connection: close',
    ...Object.entries({ ...JSON_HEADERS, ...headers }).map(([name, value]) => `${name}: ${value}`),
  ];
  return exchange({ ...door, ...identity }, `${lines.join('\r\n')}\r\n\r\n${LIST}`);
}

/** The mesh door of a gateway, or of the control plane, which is called `control` there. */
export function meshDoor(federation: Federation, name: string) {
  const servername = `${name}.${federation.stack}.mesh.internal`;
  const port = federation.portBase + (offsets[name] ?? 0);
  return { host: '127.0.0.1', port, servername, rejectUnauthorized: false } as const;
}

/** One connection to a gateway's mesh door that is kept open and never made again: once it is cut, every question is answered with status 0. */
export class KeptLine {
  readonly #client: Client;
  readonly #origin: string;

  constructor(federation: Federation, gateway: string, identity: MeshIdentity) {
    const door = meshDoor(federation, gateway);
    let made = false;
    this.#origin = `https://${door.servername}`;
    this.#client = new Client(this.#origin, {
      keepAliveTimeout: 60_000,
      connect: (_options, callback) => {
        if (made) return callback(new Error('the connection has been cut'), null);
        made = true;
        const socket = connect({ ...door, ...identity }, () => callback(null, socket));
        socket.once('error', (error) => callback(error, null));
      },
    });
  }

  async ask(headers: Readonly<Record<string, string>>): Promise<MeshReply> {
    try {
      const answer = await this.#client.request({
        method: 'POST',
        path: '/mcp/mcp-m365',
        headers: { ...JSON_HEADERS, ...headers },
        body: LIST,
      });
      return { status: answer.statusCode, text: await answer.body.text() };
    } catch (error) {
      return { status: 0, text: String(error) };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.destroy();
  }
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
