/** The door of tokens: issue, list, revoke, and who a bearer token of this API is. */
export { type Administrator, authenticate } from './authenticate.ts';
export { issueToken } from './issue-token.ts';
export { getToken, listTokens, PrincipalText } from './list-tokens.ts';
export { revokeToken } from './revoke-token.ts';
