/** May this principal call this tool, get this prompt, read this resource? What is refused does not exist for this caller. */
import { permit, refuse } from '@portolan/core';
import { type Allowed, passed, type Read } from '../context.ts';

export function authorizeCall(asked: Read): Allowed {
  const { grants, message, server } = asked;
  if (message) {
    const permitted = permit(grants, server.name, message, asked);
    const { target, method } = message;
    const name = permitted === 'no_grant' ? server.name : permitted === 'method_not_found' ? method : target;
    if (permitted !== 'allowed') throw refuse(permitted, { name, expected: `what ${method} is about` });
  }
  return passed(asked);
}
