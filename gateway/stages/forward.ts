/**
 * One exchange: sent, answered, relayed; ended when the caller leaves, a deadline passes, or the caller's token or grant is taken away. It is
 * never sent twice. A stream that may be quiet has no deadline; it ends with the caller's token.
 * A server's answer is judged by the handling gateway; the entry passes on what that gateway decided, and judges the hop alone.
 */
import { callMs, idleMs, type Refusal, refuse, serverPath } from '@portolan/core';
import { fromPeer } from '../answers/from-peer.ts';
import { fromServer } from '../answers/from-server.ts';
import { listFromServer } from '../answers/list-from-server.ts';
import { asksForList } from '../answers/relay-answer.ts';
import { sessionFromServer } from '../answers/session-from-server.ts';
import { streamFromServer } from '../answers/stream-from-server.ts';
import type { Armed, Gateway, Reply } from '../context.ts';

export async function forward(call: Armed, gateway: Gateway): Promise<Reply> {
  const { exchange, flight, server, to } = call;
  if (flight.openEnded) flight.expire(tokenEnd(call), 0, () => refuse('token_expired'));
  else flight.expire(deadline(call, gateway), silence(call, gateway), (detail) => timeout(call, detail));
  flight.hold(() => objection(call, gateway));
  if (to.kind === 'upstream') {
    const answer = await gateway.upstreams.open(server, exchange);
    if (flight.openEnded) return streamFromServer(call, answer, gateway);
    if (asksForList(call)) return listFromServer(call, answer, gateway);
    return call.message?.method === 'initialize'
      ? sessionFromServer(call, answer, gateway)
      : fromServer(call, answer, gateway);
  }
  return fromPeer(call, await gateway.peers.open(to.gateway, serverPath(server.name), exchange), gateway);
}

/** How much longer the entry waits in all, and for a byte, than the other gateway, which can say better what was late. */
const HOP_GRACE_MS = 250;
const SILENCE_GRACE_MS = 2_000;

/** Monotonic, ms. */
function deadline({ hop, server, startedAt, to }: Armed, { limits }: Gateway): number {
  const own = callMs(server, limits.callMs);
  return startedAt + Math.min(own, hop?.deadlineMs ?? own) + (to.kind === 'peer' ? HOP_GRACE_MS : 0);
}

const silence = ({ server, to }: Armed, { limits }: Gateway): number =>
  idleMs(server, limits.idleMs) + (to.kind === 'peer' ? SILENCE_GRACE_MS : 0);

/** Monotonic, ms. */
const tokenEnd = ({ arrivedAt, principal, startedAt, tables }: Armed): number =>
  startedAt + (tables.tokens.get(principal.tokenId)?.expiresAt ?? arrivedAt) - arrivedAt;

const timeout = ({ to, server }: Armed, detail: string): Refusal =>
  to.kind === 'peer'
    ? refuse('peer_timeout', { hop: to.gateway, detail })
    : refuse('upstream_timeout', { name: server.name, hop: server.gateway, expected: detail });

/** Why a caller may no longer have what he is getting; asked after each new snapshot. */
function objection({ principal, server }: Armed, { registry }: Gateway): Refusal | undefined {
  const now = registry.current();
  if (!now?.tokens.has(principal.tokenId)) return refuse('token_invalid');
  const entitled = now.servers.has(server.name) && now.grantsOf(principal.kind, principal.name).onServer(server.name);
  return entitled ? undefined : refuse('no_grant', { name: server.name });
}
