/** Two ends of one TLS connection over a wire that can be frozen, and a stream of a link that keeps what it is told. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type TLSSocket } from 'node:tls';
import type { Flow } from '../adapters/link/flow.ts';
import { Link, type Stream } from '../adapters/link/link.ts';
import { FEDERATION } from './mesh.ts';
import { credentials, makeAuthority } from './mesh-authority.ts';
import { Wire } from './wire.ts';

export interface TlsPair extends AsyncDisposable {
  readonly wire: Wire;
  readonly dialled: TLSSocket;
  readonly accepted: TLSSocket;
}

export async function tlsPair(): Promise<TlsPair> {
  const { key, chain } = await credentials(await makeAuthority('mesh root'), FEDERATION, 'azure');
  const server = createServer({ key, cert: chain });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const wire = await Wire.start(() => (server.address() as AddressInfo).port);
  const arriving: Promise<TLSSocket[]> = once(server, 'secureConnection') as never;
  const dialled = connect({ host: '127.0.0.1', port: wire.port, rejectUnauthorized: false });
  const [accepted] = await arriving;
  if (!accepted) throw new Error('no connection');
  const end = async (): Promise<void> => {
    for (const socket of [dialled, accepted]) socket.destroy();
    await wire[Symbol.asyncDispose]();
    await new Promise((resolve) => server.close(resolve));
  };
  return { wire, dialled, accepted, [Symbol.asyncDispose]: end };
}

/** Reads what comes at once, unless it is `lazy`. */
export class KeptStream implements Stream {
  readonly flow: Flow;
  readonly answered = true;
  readonly heads: string[] = [];
  readonly faults: string[] = [];
  readonly #chunks: Buffer[] = [];
  readonly ended = Promise.withResolvers<void>();
  readonly losing = Promise.withResolvers<Error | undefined>();
  lazy = false;
  received = 0;
  ticks = 0;

  constructor(flow: Flow) {
    this.flow = flow;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  head(payload: Buffer, last: boolean): void {
    this.heads.push(payload.toString());
    if (last) this.ended.resolve();
  }

  data(bytes: Buffer, last: boolean): void {
    this.#chunks.push(bytes);
    this.received += bytes.length;
    if (!this.lazy) this.flow.read(bytes.length);
    if (last) this.ended.resolve();
  }

  /** Of what it has not read; from now on it reads what comes. */
  readAll(): void {
    this.lazy = false;
    this.flow.read(this.received);
  }

  fault(code: string): void {
    this.faults.push(code);
    this.ended.resolve();
  }

  lost(error: Error | undefined): void {
    this.losing.resolve(error);
  }

  tick(): void {
    this.ticks += 1;
  }
}

/** One end: its link, the streams that the other side has opened, and how it closed. */
export interface LinkEnd {
  readonly link: Link;
  readonly opened: KeptStream[];
  readonly closed: Promise<Error | undefined>;
  /** What the other side has done wrong. */
  readonly breaches: readonly Error[];
}

/** `onOpen`: what is done with each stream that the other side opens, once its head has come. */
export function linkEnd(
  socket: TLSSocket,
  options: { readonly dialled: boolean; readonly beatMs: number; readonly onOpen?: (stream: KeptStream) => void },
): LinkEnd {
  const closing = Promise.withResolvers<Error | undefined>();
  const opened: KeptStream[] = [];
  const breaches: Error[] = [];
  const link: Link = new Link(socket, {
    dialled: options.dialled,
    beatMs: options.beatMs,
    onOpen: (flow, payload, last) => {
      const stream = new KeptStream(flow);
      opened.push(stream);
      link.add(stream);
      stream.head(payload, last);
      options.onOpen?.(stream);
    },
    onBreach: (error) => breaches.push(error),
    onClosed: closing.resolve,
  });
  return { link, opened, breaches, closed: closing.promise };
}

/** A new stream with its head. */
export function openStream(link: Link, last = false): KeptStream {
  const flow = link.open();
  if (!flow) throw new Error('too many streams');
  const stream = new KeptStream(flow);
  link.add(stream);
  link.head(stream, 'head', last);
  return stream;
}
