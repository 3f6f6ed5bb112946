/**
 * The handles of a request, opened for its MCP server. What an id means that does not open is the same for a foreign, a torn and an unknown one, and the
 * same as a server says of what it does not know.
 */
import { type Cut, type Era, encodeHeaderValue, refuse, type Scanned } from '@portolan/core';
import type { CallerHandles } from './caller-handles.ts';
import type { RequestHead } from './headers.ts';

/** Throws `session_not_found`: 404, by which a client knows that it must begin anew. */
export function openSession(sealed: string | undefined, handles: CallerHandles): string | undefined {
  if (sealed === undefined) return undefined;
  const upstreamId = handles.open('session', sealed);
  if (upstreamId === undefined) throw refuse('session_not_found');
  return upstreamId;
}

/** Throws `event_not_found`. Never 404: the session may be well. Nor a stream from now on: the client would believe that it has missed nothing. */
export function openEvent(
  { era, head }: { readonly era: Era; readonly head: RequestHead },
  handles: CallerHandles,
): string | undefined {
  if (era !== 'legacy' || !head.lastEventId) return undefined;
  const upstreamId = handles.open('event', head.lastEventId);
  if (upstreamId === undefined) throw refuse('event_not_found');
  return Buffer.from(upstreamId).toString('latin1'); // a header holds bytes, an event id UTF-8
}

/** What goes into the body in the place of handles, and the `Mcp-Name` that mirrors one. Throws `task_not_found` or `request_state_unknown`. */
export function openBody(
  message: Scanned | undefined,
  handles: CallerHandles,
): { readonly cuts: readonly Cut[]; readonly name: string | undefined } | undefined {
  if (!message?.handles) return undefined;
  const cuts: Cut[] = [];
  let name: string | undefined;
  for (const { kind, value, needed, start, end } of message.handles) {
    const upstreamId = value === undefined ? undefined : handles.open(kind, value);
    if (upstreamId !== undefined) {
      cuts.push({ start, end, text: JSON.stringify(upstreamId) });
      if (kind === 'task' && value === message.target) name = encodeHeaderValue(upstreamId);
    } else if (needed) throw refuse(kind === 'task' ? 'task_not_found' : 'request_state_unknown');
  }
  return { cuts, name };
}
