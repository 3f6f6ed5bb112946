/** The links that other gateways have dialled: their requests go to the intake, and their end comes with the listener's. */
import type { TLSSocket } from 'node:tls';
import type { Door, Intake } from '../../ports.ts';
import { Breach } from './frames.ts';
import { Link } from './link.ts';
import { LinkArrival } from './link-arrival.ts';

const BEAT_MS = 1_000;

export class AcceptedLinks {
  readonly #intake: Intake;
  readonly #all = new Set<Link>();

  constructor(intake: Intake) {
    this.#intake = intake;
  }

  accept(socket: TLSSocket, door: Door): void {
    const link: Link = new Link(socket, {
      dialled: false,
      beatMs: BEAT_MS,
      onOpen: (...[flow, payload, last]) => {
        const arrival = new LinkArrival(link, flow, door, payload, last);
        link.add(arrival);
        this.#intake.arrived(arrival);
      },
      onClosed: (error) => {
        this.#all.delete(link);
        if (error instanceof Breach) this.#intake.breached(error, door);
      },
    });
    this.#all.add(link);
  }

  /** Whoever dialled is asked to hang up when his calls have ended. */
  askToLeave(): void {
    for (const link of this.#all) link.askToLeave();
  }

  cutIdle(): void {
    for (const link of this.#all) if (!link.busy) link.cut();
  }

  cutAll(): void {
    for (const link of this.#all) link.cut();
  }
}
