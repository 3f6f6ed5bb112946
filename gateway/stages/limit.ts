/**
 * Rate, concurrency, budget. There is one limit so far: how many requests this gateway holds at once; over it, it says so at once instead of
 * letting all of them wait. Limits of principals and servers will stand here.
 */
import { refuse } from '@portolan/core';
import { type Admitted, type Allowed, type Gateway, passed } from '../context.ts';

export function limit(allowed: Allowed, { flights }: Gateway): Admitted {
  if (flights.full) throw refuse('overloaded', { hop: allowed.tables.self.name });
  return passed(allowed);
}
