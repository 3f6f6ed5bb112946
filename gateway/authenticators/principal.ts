/** Whom a token in the snapshot stands for. */
import type { Principal } from '../context.ts';
import type { CheckableToken } from '../ports.ts';

export const principalOf = (token: CheckableToken): Principal => ({
  kind: token.principal.kind,
  name: token.principal.name,
  tokenId: token.id,
});
