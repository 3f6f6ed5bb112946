/**
 * kube-proxy by hand: each address and port of a Service is listened on, and each connection goes to one ready endpoint in turn.
 * A pod sees the node's address, not the client's. No endpoint: the connection is reset. One that is open stays, whatever
 * becomes of its endpoint. TCP alone.
 */
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import type { EndpointSlice, Service } from './objects.ts';

/** `<address> <port>` → where connections go. */
export type Doors = ReadonlyMap<string, readonly Target[]>;

export interface Target {
  readonly host: string;
  readonly port: number;
}

/** Pure: the doors of these Services. */
export function doorsOf(services: readonly Service[], slices: readonly EndpointSlice[]): Doors {
  const doors = new Map<string, readonly Target[]>();
  for (const service of services) {
    const own = slices.filter((one) => isOf(one, service));
    for (const { name, port, protocol = 'TCP' } of service.spec.ports ?? []) {
      if (protocol !== 'TCP') continue;
      const targets = own.flatMap((slice) => targetsOf(slice, name, service));
      for (const address of addressesOf(service)) doors.set(`${address} ${port}`, targets);
    }
  }
  return doors;
}

export function isOf(slice: EndpointSlice, { metadata }: Service): boolean {
  return (
    slice.metadata.namespace === metadata.namespace &&
    slice.metadata.labels?.['kubernetes.io/service-name'] === metadata.name
  );
}

function addressesOf({ spec, status }: Service): string[] {
  const balanced = (status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => ip ?? []);
  return [...(spec.clusterIP && spec.clusterIP !== 'None' ? [spec.clusterIP] : []), ...balanced];
}

function targetsOf({ endpoints, ports }: EndpointSlice, name: string | undefined, { spec }: Service): Target[] {
  const port = ports?.find((one) => (one.name ?? '') === (name ?? ''))?.port;
  if (port === undefined) return [];
  const ready = (endpoints ?? []).filter(
    ({ conditions }) => spec.publishNotReadyAddresses || conditions?.ready !== false,
  );
  return ready.flatMap(({ addresses }) => addresses.map((host) => ({ host, port })));
}

export class ServiceProxy {
  readonly #open = new Map<string, Server>();
  readonly #addAddress: (address: string) => void;
  #doors: Doors = new Map();
  #turn = 0;

  /** @param addAddress makes an address this node's own; told again for one that is already. */
  constructor(addAddress: (address: string) => void) {
    this.#addAddress = addAddress;
  }

  update(doors: Doors): void {
    this.#doors = doors;
    for (const door of doors.keys()) if (!this.#open.has(door)) this.#listen(door);
    for (const [door, server] of this.#open) {
      if (doors.has(door)) continue;
      server.close();
      this.#open.delete(door);
    }
  }

  #listen(door: string): void {
    const [address = '', port = ''] = door.split(' ');
    this.#addAddress(address);
    const server = createServer({ allowHalfOpen: true }, (client) => this.#pass(client, door));
    server.on('error', (error) => {
      console.error(`service ${door}: ${error.message}`);
      this.#open.delete(door);
    });
    server.listen(Number(port), address);
    this.#open.set(door, server);
  }

  #pass(client: Socket, door: string): void {
    const targets = this.#doors.get(door) ?? [];
    const target = targets[this.#turn++ % targets.length];
    if (target === undefined) return void client.resetAndDestroy();
    const server = createConnection({ ...target, allowHalfOpen: true, noDelay: true });
    client.setNoDelay(true);
    const broken = (to: Socket) => () => void (to.destroyed || to.resetAndDestroy());
    client.on('error', broken(server)).on('close', () => server.destroy());
    server.on('error', broken(client)).on('close', () => client.destroy());
    client.pipe(server).pipe(client);
  }
}

/** Pure: what the cluster's resolver knows of Services. */
export function namesOf(
  services: readonly Service[],
  slices: readonly EndpointSlice[],
  domain: string,
): Map<string, string[]> {
  const names = new Map<string, string[]>();
  for (const service of services) {
    const { name, namespace } = service.metadata;
    const whole = `${name}.${namespace}.svc.${domain}`;
    if (service.spec.clusterIP !== 'None') {
      names.set(whole, service.spec.clusterIP ? [service.spec.clusterIP] : []);
      continue;
    }
    const own = slices.filter((one) => isOf(one, service)).flatMap(({ endpoints = [] }) => endpoints);
    const shown = own.filter(({ conditions }) => service.spec.publishNotReadyAddresses || conditions?.ready !== false);
    names.set(
      whole,
      shown.flatMap(({ addresses }) => addresses),
    );
    for (const { hostname, addresses } of shown) if (hostname) names.set(`${hostname}.${whole}`, [...addresses]);
  }
  return names;
}
