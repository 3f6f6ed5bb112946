/**
 * Notices that a list has changed (MCP, `notifications/tools/list_changed` and its kin): which kinds a server says it gives them of, and the notice
 * itself. Whoever gives one of his own asks here first: no client gets a notice of which its server has not said that it comes.
 */
import type { View } from './grants.ts';

export type ListKind = Exclude<keyof View, 'key'>;

// table: bits, because a session id carries them
const BITS: Readonly<Record<ListKind, number>> = { tools: 1, prompts: 2, resources: 4 };
const KINDS: readonly ListKind[] = ['tools', 'prompts', 'resources'];

const SUBSCRIPTION_ID = 'io.modelcontextprotocol/subscriptionId';

/** Kinds of lists, as three bits. */
export type ListKinds = number;

const kindsWhere = (holds: (kind: ListKind) => boolean): ListKinds =>
  KINDS.reduce((kinds, kind) => kinds | (holds(kind) ? BITS[kind] : 0), 0);

/** Of what a caller may see on a server: the kinds that differ. */
export const changedKinds = (before: View, after: View): ListKinds =>
  kindsWhere((kind) => before[kind] !== after[kind]);

type Tree = Readonly<Record<string, unknown>>;
const at = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, key) ? (value as Tree)[key] : undefined;

function parsed(message: Buffer): unknown {
  try {
    return JSON.parse(message.toString('utf8'));
  } catch {
    return undefined;
  }
}

/** Of an InitializeResult (MCP 2025-11-25, Lifecycle): `capabilities.<kind>.listChanged`. None for any other message. */
export function declaredKinds(message: Buffer): ListKinds {
  const capabilities = at(at(parsed(message), 'result'), 'capabilities');
  return kindsWhere((kind) => at(at(capabilities, kind), 'listChanged') === true);
}

/** What a `subscriptions/listen` asks for (MCP 2026-07-28, Subscriptions). */
export const requestedKinds = (request: Buffer): ListKinds => subscribed(parsed(request));

/** What `notifications/subscriptions/acknowledged` grants; undefined for any other message. */
export function acknowledgedKinds(message: Buffer): ListKinds | undefined {
  const acknowledgement = parsed(message);
  if (at(acknowledgement, 'method') !== 'notifications/subscriptions/acknowledged') return undefined;
  return subscribed(acknowledgement);
}

function subscribed(message: unknown): ListKinds {
  const notifications = at(at(message, 'params'), 'notifications');
  return kindsWhere((kind) => at(notifications, `${kind}ListChanged`) === true);
}

/** One notice a kind. `subscription`: on a stream of `subscriptions/listen`, the id of that request as it stands in it. */
export function listChangedNotices(kinds: ListKinds, subscription?: string): readonly Buffer[] {
  const params = subscription === undefined ? '' : `,"params":{"_meta":{"${SUBSCRIPTION_ID}":${subscription}}}`;
  return KINDS.filter((kind) => (kinds & BITS[kind]) !== 0).map((kind) =>
    Buffer.from(`{"jsonrpc":"2.0","method":"notifications/${kind}/list_changed"${params}}`),
  );
}
