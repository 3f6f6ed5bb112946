/** May this principal use this server at all? Asked before the body is read; the answer is that of an unknown server. */
import { refuse } from '@portolan/core';
import { type Entitled, pass, type Resolved } from '../context.ts';

export function authorizeServer(found: Resolved): Entitled {
  const { principal, server, tables } = found;
  const grants = tables.grantsOf(principal.kind, principal.name);
  if (!grants.onServer(server.name)) throw refuse('no_grant', { name: server.name });
  return pass(found, { grants });
}
