/** To the server itself where its proxy URL is ours, else one hop to the gateway whose it is. */
import { destination, refuse } from '@portolan/core';
import { type Allowed, pass, type Routed } from '../context.ts';

export function route(call: Allowed): Routed {
  const to = destination(call.server, call.tables.self, call.tables.peersByUrl, call.hop);
  if (to.kind === 'loop') throw refuse('hop_loop', { detail: to.via.join(' > ') });
  if (to.kind === 'no-route') throw refuse('no_route', { hop: to.gateway });
  return pass(call, { to });
}
