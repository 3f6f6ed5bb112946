/**
 * Puts events of our own between those of a stream, also while nothing comes on it. The chunks of the source hold whole events, so that between two of
 * them is between two events. Invariant: nothing of the source is lost, reordered or read ahead; what waits for a slow reader does not grow.
 */
import { type ListKinds, listChangedNotices } from '@portolan/core';
import { sseEvent } from './sse-event.ts';

/** Notices of changed lists that wait for their turn, one a kind. */
export class Announcements {
  readonly #subscription: string | undefined;
  #kinds: ListKinds = 0;
  #wake: (() => void) | undefined;

  /** `subscription`: on a stream of `subscriptions/listen`, the id of that request as it stands in it. */
  constructor(subscription: string | undefined) {
    this.#subscription = subscription;
  }

  add(kinds: ListKinds): void {
    this.#kinds |= kinds;
    if (this.#kinds !== 0) this.#wake?.();
  }

  take(): readonly Buffer[] {
    const notices = listChangedNotices(this.#kinds, this.#subscription);
    this.#kinds = 0;
    return notices.map(sseEvent);
  }

  /** Resolves when there is something, or when `other` settles; rejects as it does. */
  async someOr(other: Promise<unknown>): Promise<void> {
    if (this.#kinds !== 0) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#wake = resolve;
    other.then(() => resolve(), reject);
    await promise;
    this.#wake = undefined;
  }
}

export async function* announced(
  source: AsyncIterable<Buffer>,
  announcements: Announcements,
): AsyncGenerator<Buffer, void> {
  const chunks = source[Symbol.asyncIterator]();
  try {
    for (;;) {
      const coming = new Coming(chunks.next());
      while (!coming.arrived) {
        await announcements.someOr(coming.step);
        yield* announcements.take();
      }
      const step = await coming.step;
      if (step.done) return;
      yield step.value;
    }
  } finally {
    await chunks.return?.();
  }
}

class Coming {
  readonly step: Promise<IteratorResult<Buffer>>;
  arrived = false;

  constructor(step: Promise<IteratorResult<Buffer>>) {
    this.step = step;
    const arrived = (): void => {
      this.arrived = true;
    };
    step.then(arrived, arrived); // it may break off while nobody waits for it
  }
}
