/**
 * Finds the handles in one JSON-RPC message from an upstream, at the protocol's own places alone: a task's id and a request state as members of a
 * result, task ids in the notifications about tasks, `io.modelcontextprotocol/related-task` in a `_meta` (SEP-2663, SEP-2322, MCP 2025-11-25 "Tasks").
 * Walks with the cursor of whoever reads the message; what a handle becomes is the caller's business.
 * Invariant: nothing inside `content`, `structuredContent` or any other member is touched. Nothing depends on finding every spelling: a handle that
 * went out as it is opens nothing.
 */
import { type BodyHandleKind, RELATED_TASK, RESULT_HANDLES } from './handles.ts';
import type { JsonCursor, Range } from './json-cursor.ts';
import { stringOrSkip } from './scan-params.ts';

/** What takes the place of a handle. */
export type ReplaceHandle = (kind: BodyHandleKind, handle: string) => string;

interface Found extends Range {
  readonly kind: BodyHandleKind;
  readonly value: string;
}

export class AnswerHandles {
  readonly #cursor: JsonCursor;
  readonly #found: Found[] = [];
  /** In `params`, where it depends on the method whether they are the server's. */
  readonly #taskId: Found[] = [];
  readonly #taskIds: Found[] = [];
  #method: string | undefined;

  constructor(cursor: JsonCursor) {
    this.#cursor = cursor;
  }

  /** Reads the value of a member of the message; a result is read by its own members. */
  member(key: string): void {
    const cursor = this.#cursor;
    if (key === 'method') this.#method = stringOrSkip(cursor);
    else if (key === 'params' && cursor.atObject) cursor.object((param) => this.#param(param));
    else cursor.skip();
  }

  /** Reads the value of a member of the message's result. */
  resultMember(key: string): void {
    const kind = RESULT_HANDLES.get(key);
    if (kind) this.#string(kind, this.#found);
    else if (key === 'task') this.#task();
    else if (key === 'tasks' && this.#cursor.atArray) this.#cursor.array(() => this.#task());
    else if (key === '_meta') this.#meta();
    else this.#cursor.skip();
  }

  /** The handles to replace, once the whole message has been read, in any order. */
  *found(): Generator<Found, void> {
    yield* this.#found;
    const about = this.#method ?? '';
    // a task that the server asks its client about, in a request, is the client's own
    if (/^notifications\/tasks(?:\/|$)/.test(about)) yield* this.#taskId;
    if (about === 'notifications/subscriptions/acknowledged') yield* this.#taskIds;
  }

  #param(key: string): void {
    const cursor = this.#cursor;
    if (key === 'taskId') this.#string('task', this.#taskId);
    else if (key === '_meta') this.#meta();
    else if (key === 'notifications' && cursor.atObject) cursor.object((about) => this.#acknowledged(about));
    else cursor.skip();
  }

  #acknowledged(key: string): void {
    if (key === 'taskIds' && this.#cursor.atArray) this.#cursor.array(() => this.#string('task', this.#taskIds));
    else this.#cursor.skip();
  }

  #meta(): void {
    const cursor = this.#cursor;
    if (!cursor.atObject) cursor.skip();
    else
      cursor.object((key) => {
        if (key === RELATED_TASK) this.#task();
        else cursor.skip();
      });
  }

  #task(): void {
    const cursor = this.#cursor;
    if (!cursor.atObject) cursor.skip();
    else
      cursor.object((key) => {
        if (key === 'taskId') this.#string('task', this.#found);
        else cursor.skip();
      });
  }

  #string(kind: BodyHandleKind, into: Found[]): void {
    const start = this.#cursor.peekAt();
    const value = stringOrSkip(this.#cursor);
    if (value !== undefined) into.push({ kind, value, start, end: this.#cursor.at });
  }
}
