/**
 * Open streams whose callers want to hear when a list has changed, and what each of them could see of his server when he last heard. After a new
 * snapshot those who see something else are told. It does not know how.
 * Invariant: told are those whose own view has changed, by value; a snapshot about others, or one that says the same again, tells nobody.
 */
import { setImmediate as breathe } from 'node:timers/promises';
import { changedKinds, type ListKinds, type PrincipalKind, type View } from '@portolan/core';
import type { Registry } from './ports.ts';

/** Streams that are looked at before calls get their turn: a principal's grants are compiled at the first look. */
const SLICE = 200;

export interface Watched {
  readonly principal: { readonly kind: PrincipalKind; readonly name: string };
  readonly server: string;
  /** What he sees now. */
  readonly view: View;
  tell(changed: ListKinds): void;
}

interface Watching {
  readonly watched: Watched;
  view: View;
}

export class ListChanges {
  readonly #registry: Registry;
  readonly #settleMs: number;
  readonly #streams = new Set<Watching>();
  #settling: NodeJS.Timeout | undefined;

  /**
   * `settleMs`: between a snapshot and the notices of it. The other gateway on the way has it by then, too, so that a caller who asks again at once is
   * not answered by the old one; and of many changes in a row there is one notice.
   */
  constructor(registry: Registry, settleMs: number) {
    this.#registry = registry;
    this.#settleMs = settleMs;
    registry.onChange(() => this.#changed());
  }

  /** Until the function that it answers is called. */
  watch(watched: Watched): () => void {
    const watching: Watching = { watched, view: watched.view };
    this.#streams.add(watching);
    // a snapshot may have come since he was let in: until the head of his stream was there, nobody could be told
    if (this.#seen(watching) !== undefined) this.#changed();
    return () => void this.#streams.delete(watching);
  }

  #changed(): void {
    if (this.#streams.size > 0) this.#settling ??= setTimeout(() => void this.#settle(), this.#settleMs).unref();
  }

  async #settle(): Promise<void> {
    this.#settling = undefined;
    let looked = 0;
    for (const watching of this.#streams) {
      const seen = this.#seen(watching);
      if (seen) {
        watching.view = seen.view;
        watching.watched.tell(seen.changed);
      }
      looked += 1;
      if (looked % SLICE === 0) await breathe();
    }
  }

  /** What he sees now, where it is not what he saw. */
  #seen({ view, watched: { principal, server } }: Watching): { view: View; changed: ListKinds } | undefined {
    const now = this.#registry.current()?.grantsOf(principal.kind, principal.name).view(server);
    const changed = now ? changedKinds(view, now) : 0;
    return now && changed !== 0 ? { view: now, changed } : undefined;
  }
}
