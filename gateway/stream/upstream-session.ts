/**
 * What is sealed into a session id: the server's own id, and of which lists it said at `initialize` that it announces changes. Sealed, because the
 * stream on which they are announced may be opened at another replica, a year later.
 */
import type { ListKinds } from '@portolan/core';

export interface UpstreamSession {
  readonly id: string;
  readonly listChanged: ListKinds;
}

const SEALED = /^(.*) ([0-7])$/s;

/** A session id holds no blank (MCP 2025-11-25, Session Management). */
export const writeSession = ({ id, listChanged }: UpstreamSession): string =>
  listChanged === 0 ? id : `${id} ${listChanged}`; // gateways from before the lists know the bare id

/** Ids that were sealed before there was anything beside them say nothing. */
export function readSession(text: string): UpstreamSession {
  const [, id, kinds] = SEALED.exec(text) ?? [];
  return id === undefined ? { id: text, listChanged: 0 } : { id, listChanged: Number(kinds) };
}
