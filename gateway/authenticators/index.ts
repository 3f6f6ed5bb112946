/** The shelf of ways to say who calls, in the order in which they are asked; a new one is one file and one line here. */
export type { Authenticator } from './authenticator.ts';

import type { Authenticator } from './authenticator.ts';
import { bearerToken } from './bearer-token.ts';
import { peerProof } from './peer-proof.ts';

export const authenticators: readonly Authenticator[] = [peerProof, bearerToken];
