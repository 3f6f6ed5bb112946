/** A link as frames and bytes, at either end: for a peer that does not keep to the protocol. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type ConnectionOptions, createServer, type TLSSocket } from 'node:tls';
import { vi } from 'vitest';
import { FRAME, type Frame, FrameReader, LINK_PROTOCOL } from '../adapters/link/frames.ts';
import type { MeshCredentials } from '../ports.ts';
import { frameBytes } from './frame-bytes.ts';
import type { TestGateway } from './mesh.ts';
import { asPeer } from './raw-http.ts';

const NOTHING = Buffer.alloc(0);

export class RawLink {
  readonly socket: TLSSocket;
  /** All that have come. */
  readonly frames: Frame[] = [];
  /** Resolves when the connection has ended. */
  readonly closed: Promise<void>;

  constructor(socket: TLSSocket) {
    this.socket = socket.setNoDelay(true);
    const reader = new FrameReader((frame) => this.frames.push(frame));
    socket.on('data', (chunk: Buffer) => reader.push(chunk));
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
  }

  /** To the mesh name of `gateway`, with whatever certificate. */
  static async dial(
    gateway: TestGateway,
    own: MeshCredentials | undefined,
    options: ConnectionOptions = {},
  ): Promise<RawLink> {
    const socket = asPeer(gateway, own, { ALPNProtocols: [LINK_PROTOCOL], ...options });
    await once(socket, 'secureConnect');
    return new RawLink(socket);
  }

  bytes(bytes: Buffer | string): void {
    this.socket.write(bytes);
  }

  send(type: number, stream: number, payload: Buffer | string = NOTHING, last = false): void {
    this.bytes(frameBytes({ type, last, stream, payload: Buffer.from(payload as string, 'latin1') }));
  }

  /** The head of a request or of an answer, its lines as they are. */
  head(stream: number, lines: readonly string[], last = false): void {
    this.send(FRAME.head, stream, lines.join('\n'), last);
  }

  /** Resolves when the other side has taken all that was sent before. */
  async heard(): Promise<void> {
    const before = this.of(0, FRAME.pong).length;
    this.send(FRAME.ping, 0);
    await vi.waitUntil(() => this.of(0, FRAME.pong).length > before, { timeout: 10_000, interval: 2 });
  }

  of(stream: number, type: number): Frame[] {
    return this.frames.filter((frame) => frame.stream === stream && frame.type === type);
  }

  /** The answer on a stream, when all of it has come. */
  async answer(stream: number): Promise<{ readonly status: number; readonly body: string }> {
    await vi.waitUntil(() => this.frames.some((frame) => frame.stream === stream && frame.last), { timeout: 10_000 });
    const [head] = this.of(stream, FRAME.head);
    const body = Buffer.concat(this.of(stream, FRAME.data).map(({ payload }) => payload)).toString();
    return { status: Number(head?.payload.toString().split('\n')[0]), body };
  }
}

export interface RawLinkServer extends AsyncDisposable {
  readonly port: number;
  readonly links: readonly RawLink[];
}

/** Takes links as the gateway `own` says it is. `onFrame`: what it does with each frame that comes. */
export async function rawLinkServer(
  own: MeshCredentials,
  onFrame: (link: RawLink, frame: Frame) => void,
): Promise<RawLinkServer> {
  const links: RawLink[] = [];
  const server = createServer({ key: own.key, cert: own.chain, ALPNProtocols: [LINK_PROTOCOL] }, (socket) => {
    const link = new RawLink(socket);
    links.push(link);
    const reader = new FrameReader((frame) => onFrame(link, frame));
    socket.on('data', (chunk: Buffer) => reader.push(chunk));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    links,
    async [Symbol.asyncDispose]() {
      for (const { socket } of links) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
