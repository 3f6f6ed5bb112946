/**
 * The network between clusters, from outside: names of it, a proxy into it for clients of the test, and servers of the test as
 * addresses in it. Nothing of it is a link, a route or an address of this machine.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createConnection, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inNetworkOf, type Namespaced, startNamespaced } from './namespaced.ts';

export interface Network extends AsyncDisposable {
  /** `http://127.0.0.1:<port>`: takes CONNECT to names and addresses of the network (undici's ProxyAgent). */
  readonly proxy: string;
  /** What the names of the network are, for pods and for `proxy`. */
  readonly names: Readonly<Record<string, string>>;
  /** Gives a name an address, at once and everywhere. */
  name(name: string, address: string): void;
  /** A port of 127.0.0.1 that leads to an address or name in the network. */
  forward(host: string, port: number): Promise<number>;
  /** Makes a server of this machine's loopback an address and port in the network. */
  expose(as: { readonly address: string; readonly port: number; readonly to: number }): Promise<void>;
  /** Plugs in a node. Answers its addresses. */
  plug(node: Namespaced): Plugged;
  stop(): Promise<void>;
}

export interface Plugged {
  readonly hostIp: string;
  /** First three numbers of its pods' addresses. */
  readonly podNet: string;
}

/** Load balancers' addresses come from .2 to .229; nodes have .240 and up. */
const net = '203.0.113';
const mostNodes = 9;
const hostOf = (number: number): string => `${net}.${239 + number}`;
const podNetOf = (number: number): string => `10.244.${number}`;

export async function startNetwork(): Promise<Network> {
  const folder = mkdtempSync(join(tmpdir(), 'portolan-net-'));
  const socket = join(folder, 'dial.sock');
  const process = await startNamespaced({
    program: 'network-main.ts',
    args: [socket, `${net}.1/24`],
    folder,
    log: 'network.log',
  });
  const network = new NetworkDoor(folder, socket, process);
  await network.open();
  return network;
}

class NetworkDoor implements Network {
  readonly names: Record<string, string> = {};
  proxy = '';
  readonly #folder: string;
  readonly #socket: string;
  readonly #process: Namespaced;
  readonly #nodes: Namespaced[] = [];
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();

  constructor(folder: string, socket: string, process: Namespaced) {
    [this.#folder, this.#socket, this.#process] = [folder, socket, process];
  }

  async open(): Promise<void> {
    const server = createHttpServer((_, answer) => answer.writeHead(405).end('only CONNECT\n'));
    server.on('connect', ({ url = '' }, client: Socket, head: Buffer) => {
      const [, host = '', port = ''] = /^\[?([^\]]+)\]?:(\d+)$/.exec(url) ?? [];
      client.write('HTTP/1.1 200 OK\r\n\r\n');
      if (head.length > 0) client.unshift(head);
      this.#dial(client, host, Number(port));
    });
    this.proxy = `http://127.0.0.1:${await this.#listen(server)}`;
  }

  name(name: string, address: string): void {
    this.names[name] = address;
    for (const node of this.#nodes) node.send({ kind: 'names', names: this.names });
  }

  forward(host: string, port: number): Promise<number> {
    return this.#listen(createServer({ allowHalfOpen: true }, (client) => this.#dial(client, host, port)));
  }

  async expose({
    address,
    port,
    to,
  }: {
    readonly address: string;
    readonly port: number;
    readonly to: number;
  }): Promise<void> {
    const socket = join(this.#folder, `${address}-${port}.sock`);
    const server = createServer({ allowHalfOpen: true }, (client) =>
      this.#pipe(client, createConnection({ port: to, host: '127.0.0.1', allowHalfOpen: true })),
    );
    this.#servers.push(server);
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    const exposed = this.#process.next<{ kind: string; socket?: string }>(
      (one) => one.kind === 'exposed' && one.socket === socket,
    );
    this.#process.send({ kind: 'expose', address, port, socket });
    await exposed;
  }

  plug(node: Namespaced): Plugged {
    const number = this.#nodes.push(node);
    if (number > mostNodes) throw new Error(`a network takes ${mostNodes} clusters`);
    const [here, there] = [this.#process.pid, node.pid];
    inNetworkOf(here, 'ip', 'link', 'add', `n${number}`, 'type', 'veth', 'peer', 'name', 'up0', 'netns', String(there));
    inNetworkOf(here, 'ip', 'link', 'set', `n${number}`, 'master', 'net0', 'up');
    inNetworkOf(here, 'ip', 'route', 'add', `${podNetOf(number)}.0/24`, 'via', hostOf(number));
    inNetworkOf(there, 'ip', 'addr', 'add', `${hostOf(number)}/24`, 'dev', 'up0');
    inNetworkOf(there, 'ip', 'link', 'set', 'up0', 'up');
    for (let other = 1; other <= mostNodes; other += 1)
      if (other !== number) inNetworkOf(there, 'ip', 'route', 'add', `${podNetOf(other)}.0/24`, 'via', hostOf(other));
    node.send({ kind: 'names', names: this.names });
    return { hostIp: hostOf(number), podNet: podNetOf(number) };
  }

  async stop(): Promise<void> {
    for (const server of this.#servers) server.close();
    for (const socket of this.#sockets) socket.destroy();
    await this.#process.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #listen(server: Server): Promise<number> {
    this.#servers.push(server);
    return new Promise((resolve) =>
      server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)),
    );
  }

  #dial(client: Socket, host: string, port: number): void {
    const inside = createConnection({ path: this.#socket, allowHalfOpen: true });
    inside.write(`${this.names[host] ?? host} ${port}\n`);
    this.#pipe(client, inside);
  }

  #pipe(a: Socket, b: Socket): void {
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      this.#sockets.add(from);
      from
        .on('error', () => to.destroy())
        .on('close', () => {
          this.#sockets.delete(from);
          to.destroy();
        });
      from.pipe(to);
    }
  }
}
