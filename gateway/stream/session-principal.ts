/** A principal as it is sealed into a session id: kind and name, never a token, which may be renewed while a session lives. */
import type { Principal } from '../context.ts';

export const sessionPrincipal = (principal: Principal): string => `${principal.kind}:${principal.name}`;
