/** Who calls? Asks the shelf of authenticators; answers with the snapshot that the whole request is decided by. */
import { refuse } from '@portolan/core';
import { authenticators } from '../authenticators/index.ts';
import { type Accepted, type Authenticated, type Gateway, pass } from '../context.ts';
import type { Tables } from '../ports.ts';

export function authenticate(request: Accepted, gateway: Gateway): Authenticated {
  const tables = inForce(gateway);
  for (const authenticator of authenticators) {
    const known = authenticator.identify(request, tables, gateway);
    if (!known) continue;
    if (known.hop) pass(request, { requestId: known.hop.id });
    return admissible(pass(request, { ...known, tables }), gateway);
  }
  throw refuse('token_missing');
}

function inForce({ registry, identity, clock }: Gateway): Tables {
  const tables = registry.current();
  if (!tables) throw refuse('snapshot_absent', { hop: identity.current()?.gateway ?? 'that has not enrolled' });
  if (tables.notAfter <= clock.now()) throw refuse('snapshot_stale', { hop: tables.self.name });
  return tables;
}

/** A call that could not be recorded is not made. */
function admissible(call: Authenticated, { audit }: Gateway): Authenticated {
  if (!audit.accepts()) throw refuse('audit_unavailable', { hop: call.tables.self.name });
  return call;
}
