/**
 * Rate, concurrency, budget. There is one limit so far: how many requests this gateway holds at once, and how many of them one principal may have;
 * over it, it says so at once instead of letting all of them wait. Limits of servers will stand here.
 */
import { refuse } from '@portolan/core';
import { type Admitted, type Allowed, type Gateway, passed } from '../context.ts';
import { sessionPrincipal } from '../stream/session-principal.ts';

export function limit(allowed: Allowed, { flights }: Gateway): Admitted {
  const caller = sessionPrincipal(allowed.principal);
  if (flights.full || !flights.admits(allowed.flight, caller)) {
    throw refuse('overloaded', { hop: allowed.tables.self.name, detail: caller });
  }
  return passed(allowed);
}
