/**
 * What this gateway never dials for an MCP server, however wide its reach is: its own listeners, the control plane and NATS.
 * Names are looked up now and then; between two look-ups a moved address is still kept out by its old one.
 */
import { lookup } from 'node:dns/promises';
import { networkInterfaces } from 'node:os';
import ipaddr from 'ipaddr.js';
import type { Address } from '../listen-address.ts';
import { Pause } from './wait.ts';

const LOOK_UP_EVERY_MS = 60_000;

export interface Doors {
  /** Ports of this process, on every address of this machine. */
  readonly own: readonly number[];
  /** Other services, by name or address. */
  readonly others: readonly Address[];
}

export class ClosedDoors {
  readonly #own: ReadonlySet<number>;
  readonly #others: readonly Address[];
  #closed: ReadonlySet<string> = new Set();

  constructor(doors: Doors) {
    this.#own = new Set(doors.own);
    this.#others = doors.others;
  }

  /** `address`: an IP literal as the dialler has it. */
  closed(address: string, port: number): boolean {
    const plain = ipaddr.process(address).toString(); // ::ffff:7f00:1 is 127.0.0.1, in any spelling
    return (this.#own.has(port) && isOurs(plain)) || this.#closed.has(`${plain} ${port}`);
  }

  /** Looks every name up once. */
  async lookUp(): Promise<void> {
    const found = await Promise.all(this.#others.map(addressesOf));
    this.#closed = new Set(found.flat());
  }

  /** Works until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const pause = new Pause();
    while (!signal.aborted) {
      await this.lookUp();
      await pause.wait(LOOK_UP_EVERY_MS, signal);
    }
  }
}

/** Asked for each new connection: addresses of a machine come and go. */
function isOurs(address: string): boolean {
  if (address.startsWith('127.') || address === '::1') return true;
  return Object.values(networkInterfaces()).some((own) => own?.some((ours) => ours.address === address));
}

async function addressesOf({ host, port }: Address): Promise<string[]> {
  try {
    return (await lookup(host, { all: true })).map(({ address }) => `${ipaddr.process(address)} ${port}`);
  } catch {
    return []; // a name that does not resolve cannot be dialled either
  }
}
