/**
 * The `WWW-Authenticate` of a 401 (RFC 6750 §3), of our own and of those that a peer answers. It names no `resource_metadata`: a client that
 * holds a token in a header must not be led into a sign-in that nobody serves yet.
 */
import type { FaultCode } from '@portolan/core';

/** No error code where no token was sent. */
export const challenge = (code: FaultCode | undefined): string =>
  code === 'token_missing' ? 'Bearer' : 'Bearer error="invalid_token"';
