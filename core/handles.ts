/**
 * What a handle is: what a server hands out so that its holder can come back to something of one caller, as far as it travels in bodies. Sessions and
 * events are handles too; they travel in headers and in the lines of event streams. Who seals and opens them is the gateway's business.
 */
import type { Range } from './json-cursor.ts';

/** A task's id, or the `requestState` of a result that asks for input. */
export type BodyHandleKind = 'task' | 'state';

/** Members of a result that are handles. */
export const RESULT_HANDLES: ReadonlyMap<string, BodyHandleKind> = new Map([
  ['taskId', 'task'],
  ['requestState', 'state'],
]);
/** Wherever a handle stands in a message, one of these keys does. */
export const HANDLE_KEYS: readonly string[] = [...RESULT_HANDLES.keys(), 'taskIds'];

/** A handle in the body of a request: the value's range, quotes included. */
export interface RequestHandle extends Range {
  readonly kind: BodyHandleKind;
  /** Undefined where it is no string, or could be read as two. */
  readonly value: string | undefined;
  /** Is it one that only the server makes? Else it may also be the client's own, as the id of a task that it runs for the server. */
  readonly needed: boolean;
}

/** The extension by which a server may answer with a task (SEP-2663). */
export const TASKS_EXTENSION = 'io.modelcontextprotocol/tasks';

/** In a `_meta`: the task that a message belongs to (MCP 2025-11-25, "Tasks"). */
export const RELATED_TASK = 'io.modelcontextprotocol/related-task';
