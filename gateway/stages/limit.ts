/**
 * Rate, concurrency, budget. There is one limit so far: how many requests this gateway holds at once, and how many of them one principal may have;
 * over it, it says so at once instead of letting all of them wait. Limits of servers will stand here.
 * Before the body is read, because a request is held from then on, however slowly its body comes.
 */
import { refuse } from '@portolan/core';
import { type Admitted, type Entitled, type Gateway, passed } from '../context.ts';
import { sessionPrincipal } from '../stream/session-principal.ts';

export function limit(entitled: Entitled, { flights }: Gateway): Admitted {
  const caller = sessionPrincipal(entitled.principal);
  if (flights.admit(entitled.flight, caller)) return passed(entitled);
  throw refuse('overloaded', { hop: entitled.tables.self.name, detail: caller });
}
