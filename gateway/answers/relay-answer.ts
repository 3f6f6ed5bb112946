/**
 * An answer that has been judged, as the reply to the caller: status, the headers that may pass, the body by its kind.
 * Invariant: no encoded body, Location, cookie, challenge or unsealed session id gets past here.
 */
import { type CompiledGrants, type FaultCode, type Refusal, refuse } from '@portolan/core';
import type { Armed, Gateway, Reply } from '../context.ts';
import type { Answer, Registry } from '../ports.ts';
import { challenge } from '../stream/challenge.ts';
import { isEncoded, responseHeaders } from '../stream/headers.ts';
import { leave } from '../stream/leave.ts';
import { type Page, type Relayed, type Relaying, relayEvents, relayJson } from '../stream/relay.ts';

// table
const LISTS = new Set(['tools/list', 'prompts/list', 'resources/list', 'resources/templates/list']);

export const asksForList = (call: Armed): boolean => LISTS.has(call.message?.method ?? '');
/** What tasks answer may be long, and has its handles anywhere. */
const asksForTask = (call: Armed): boolean => call.message?.method?.startsWith('tasks/') === true;

/** What the judge adds. */
export interface Added {
  /** As the caller may see it. */
  readonly sessionId: string | undefined;
  /** A refusal or failure of which this answer tells. */
  readonly fault: FaultCode | undefined;
  /** `asksForList`, which the judge knows. */
  readonly list: boolean;
  /** Where the judge asks for further pages. */
  readonly page?: Page | undefined;
}

/** Answers at once where the body has come already, as that of most calls has. */
export function relayAnswer(call: Armed, answer: Answer, added: Added, gateway: Gateway): Reply | Promise<Reply> {
  if (isEncoded(answer.headers)) throw refused(answer, invalid(call, 'an encoded body'));
  const relayed = relayBody(call, answer, added, gateway);
  if (!(relayed instanceof Promise)) return replyOf(call, answer, added, relayed);
  return relayed.then((later) => replyOf(call, answer, added, later));
}

const NO_BODY = Object.freeze({ body: undefined, progress: undefined });

function replyOf(call: Armed, answer: Answer, { fault, sessionId }: Added, relayed: Relayed | undefined): Reply {
  const crosses = call.door.kind === 'mesh';
  // between gateways a streamed body has no length, so that its end can tell what broke it off
  const bytesUnchanged = relayed?.unchanged === true && !crosses;
  const headers = responseHeaders(answer.headers, { era: call.era, bytesUnchanged, sessionId });
  if (answer.status === 401) headers.push('www-authenticate', challenge(fault));
  const { openEnded } = call.flight;
  const { body, progress } = relayed ?? NO_BODY;
  const text = crosses ? undefined : relayed?.text; // a link sends bytes, and may have to wait with them
  return { status: answer.status, headers, body, text, fault, openEnded, progress };
}

export const invalid = (call: Armed, expected: string): Refusal =>
  refuse('upstream_invalid', { name: call.server.name, hop: call.server.gateway, expected });

/** Ends the exchange and says why. */
export function refused(answer: Answer, reason: Refusal): Refusal {
  leave(answer);
  return reason;
}

function relayBody(
  call: Armed,
  answer: Answer,
  added: Added,
  gateway: Gateway,
): Relayed | Promise<Relayed> | undefined {
  const type = mediaType(answer.headers['content-type']);
  if (type === 'text/event-stream') return relayEvents(answer.body, relaying(call, added, gateway));
  if (type === 'application/json') return relayJson(answer.body, relaying(call, added, gateway));
  // whatever else it is, no client of the protocol reads it, and a list could hide in it
  leave(answer);
  if (answer.status < 300 && call.message?.kind === 'request') throw invalid(call, 'neither JSON nor an event stream');
  return undefined;
}

export function mediaType(value: string | string[] | undefined): string {
  if (typeof value !== 'string') return '';
  const end = value.indexOf(';');
  return (end < 0 ? value : value.slice(0, end)).trim().toLowerCase();
}

const relaying = (call: Armed, { list, page }: Added, { knownLists, limits, registry }: Gateway): Relaying => ({
  grants: () => grantsInForce(call, registry),
  server: call.server.name,
  era: call.era,
  handles: call.handles,
  // of either everything must have been seen before anything goes on
  held: list || asksForTask(call),
  page,
  answerBytes: limits.answerBytes,
  id: call.message?.kind === 'request' ? call.message.id : undefined,
  waiting: call.flight,
  idBytes: call.idBytes,
  known: list ? knownLists : undefined,
  invalid: (expected) => invalid(call, expected),
});

/** An answer may be older than the snapshot: what has been taken away since is on no list of it, however long its stream has been open. */
const grantsInForce = ({ grants, principal }: Armed, registry: Registry): CompiledGrants =>
  registry.current()?.grantsOf(principal.kind, principal.name) ?? grants;
