/**
 * Puts events of our own between those of a stream, also while nothing comes on it. The chunks of the source hold whole events, so that between two of
 * them is between two events. Invariant: nothing of the source is lost, reordered or read ahead; what waits for a slow reader does not grow.
 */
import { type ListKinds, listChangedNotices } from '@portolan/core';
import { sseEvent } from './sse-event.ts';

/** Notices of changed lists that wait for their turn, one a kind. */
export class Announcements {
  readonly #subscription: string | undefined;
  readonly #promised: () => ListKinds;
  #changed: ListKinds = 0;
  #wake: (() => void) | undefined;

  /**
   * `promised`: of which kinds this stream tells, as far as is known now; what changes before is kept until it is.
   * `subscription`: on a stream of `subscriptions/listen`, the id of that request as it stands in it.
   */
  constructor(promised: () => ListKinds, subscription: string | undefined) {
    this.#promised = promised;
    this.#subscription = subscription;
  }

  add(kinds: ListKinds): void {
    this.#changed |= kinds;
    if (this.#due !== 0) this.wake();
  }

  take(): readonly Buffer[] {
    const due = this.#due;
    this.#changed &= ~due;
    return listChangedNotices(due, this.#subscription).map(sseEvent);
  }

  /** Resolves when there is something to give, or at `wake`. */
  async some(): Promise<void> {
    if (this.#due !== 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    await promise;
  }

  wake(): void {
    this.#wake?.();
  }

  get #due(): ListKinds {
    return this.#changed & this.#promised();
  }
}

/** `passing` is shown what goes on, just before it does. */
export async function* announced(
  source: AsyncIterable<Buffer>,
  announcements: Announcements,
  passing?: (events: Buffer) => void,
): AsyncGenerator<Buffer, void> {
  const chunks = source[Symbol.asyncIterator]();
  try {
    for (;;) {
      const coming = new Coming(chunks.next(), () => announcements.wake());
      while (!coming.arrived) {
        await announcements.some();
        // what has come goes first: it may be the acknowledgement, before which nothing is told
        if (!coming.arrived) yield* announcements.take();
      }
      const step = await coming.step;
      if (step.done) return;
      passing?.(step.value);
      yield step.value;
      yield* announcements.take();
    }
  } finally {
    await chunks.return?.();
  }
}

class Coming {
  readonly step: Promise<IteratorResult<Buffer>>;
  arrived = false;

  constructor(step: Promise<IteratorResult<Buffer>>, tell: () => void) {
    this.step = step;
    const arrived = (): void => {
      this.arrived = true;
      tell();
    };
    step.then(arrived, arrived); // it may break off while nobody waits for it
  }
}
