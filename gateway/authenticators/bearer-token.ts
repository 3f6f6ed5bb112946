/**
 * A PAT or VAT in `Authorization: Bearer …` (RFC 6750 §2.1), checked against the digests of the snapshot: no call home.
 * The doubled scheme `Bearer Bearer …`, which fastmcp sends for auth="Bearer …", is read as one.
 * Invariant: unknown, revoked and malformed tokens get the same answer; the secret leaves this file only as a proof.
 */
import { parseToken, refuse, sameDigest, secretDigest, type Token } from '@portolan/core';
import type { CheckableToken, Tables } from '../ports.ts';
import type { ShownToken } from '../shown-tokens.ts';
import type { Authenticator } from './authenticator.ts';
import { principalOf } from './principal.ts';

const BEARER = /^Bearer +(?:Bearer +)?([A-Za-z0-9._~+/-]+=*) *$/i;

export const bearerToken: Authenticator = {
  kind: 'bearer-token',
  identify({ door, headers: { authorization } }, tables, { clock, proofs, shownTokens }) {
    if (typeof authorization !== 'string') return undefined;
    const recalled = shownTokens.recall(door, authorization, tables);
    const { token, secret } = recalled ?? shownTokens.keep(door, verified(authorization, tables));
    if (token.expiresAt <= clock.now()) throw refuse('token_expired', { detail: token.id });
    return {
      principal: principalOf(token),
      hop: undefined,
      proofFor: (gateway) => proofs.make(token, secret, gateway),
    };
  },
};

function verified(authorization: string, tables: Tables): ShownToken {
  const presented = parseToken(BEARER.exec(authorization)?.[1] ?? '');
  const token = presented && known(presented, tables);
  if (!token) throw refuse('token_invalid');
  return { authorization, token, secret: presented.secret };
}

function known(presented: Token, tables: Tables): CheckableToken | undefined {
  const token = tables.tokens.get(presented.id);
  const digest = secretDigest(presented.secret); // for unknown ids, too: the same work for every answer
  return token && token.kind === presented.kind && sameDigest(digest, token.secretSha256) ? token : undefined;
}
