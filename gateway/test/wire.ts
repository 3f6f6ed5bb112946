/** A wire to a port; frozen, it is to both ends what a stopped process is: the kernel takes connections and bytes, and nobody hears of them before it thaws. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export class Wire implements AsyncDisposable {
  /** Connections that were ever made through it. */
  connections = 0;
  #frozen = false;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(to: (client: Socket) => number) {
    this.#server = createServer((socket) => {
      this.connections += 1;
      const onward = connect({ host: '127.0.0.1', port: to(socket) });
      this.#join(socket, onward);
      this.#join(onward, socket);
    });
  }

  /** Connections through it that stand. */
  get open(): number {
    return this.#sockets.size / 2;
  }

  /** `to`: the port, asked for each connection. */
  static async start(to: (client: Socket) => number): Promise<Wire> {
    const wire = new Wire(to);
    await once(wire.#server.listen(0, '127.0.0.1'), 'listening');
    return wire;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  freeze(): void {
    this.#frozen = true;
    for (const socket of this.#sockets) socket.pause();
  }

  thaw(): void {
    this.#frozen = false;
    for (const socket of this.#sockets) socket.resume();
  }

  #join(from: Socket, into: Socket): void {
    this.#sockets.add(from.setNoDelay(true));
    from.on('error', () => into.destroy());
    from.on('close', () => {
      this.#sockets.delete(from);
      into.destroy();
    });
    from.on('end', () => into.end());
    from.on('data', (chunk) => into.write(chunk));
    if (this.#frozen) from.pause();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
