/**
 * The links that other gateways have dialled: their requests go to the intake, and their end comes with the listener's.
 * Invariant: whoever has shown no certificate that holds is told so, and has no request read.
 */
import type { TLSSocket } from 'node:tls';
import { type Refusal, refuse } from '@portolan/core';
import type { Door, Intake } from '../../ports.ts';
import { Breach } from './frames.ts';
import { BEAT_MS, Link } from './link.ts';
import { LinkArrival } from './link-arrival.ts';

export class AcceptedLinks {
  readonly #intake: Intake;
  readonly #all = new Set<Link>();
  #state: 'open' | 'stopping' | 'closed' = 'open';

  constructor(intake: Intake) {
    this.#intake = intake;
  }

  accept(socket: TLSSocket, door: Door): void {
    const nobody = door.kind !== 'mesh' || !door.peer;
    const link: Link = new Link(socket, {
      dialled: false,
      beatMs: BEAT_MS,
      onOpen: (flow, payload, last) => {
        const arrival = new LinkArrival({ link, flow, door, payload, last });
        link.add(arrival);
        this.#intake.arrived(arrival);
      },
      onBreach: (error) => {
        const code = error instanceof Breach ? 'http_malformed' : 'internal';
        if (!nobody) this.#intake.refused(refuse(code, { expected: error.message, cause: error }), door);
      },
      onClosed: () => this.#all.delete(link),
    });
    this.#all.add(link);
    if (this.#state === 'closed') link.cut();
    else if (nobody) this.#refuse(link, door, refuse('peer_certificate'));
    else if (this.#state === 'stopping') link.askToLeave();
  }

  /** Whoever dialled is asked to hang up when his calls have ended. */
  askToLeave(): void {
    this.#state = 'stopping';
    for (const link of this.#all) link.askToLeave();
  }

  hangUpIdle(): void {
    for (const link of this.#all) if (!link.busy) link.retire();
  }

  cutAll(): void {
    this.#state = 'closed';
    for (const link of this.#all) link.cut();
  }

  #refuse(link: Link, door: Door, refusal: Refusal): void {
    link.refuse(refusal.code);
    this.#intake.refused(refusal, door);
  }
}
