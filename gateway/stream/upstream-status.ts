/**
 * What an MCP server's HTTP status means to a caller who does not know that a gateway stands between. Pure.
 * 401 and 403 are about the caller's own token, so a server's, which are about the gateway's, never pass; a 404 without a session says that
 * the registered URL is wrong, unless it is the modern "method not found"; a 5xx passes where the server says in JSON-RPC what went wrong.
 */

export type Verdict = 'pass' | 'pass-if-rpc-error' | 'invalid';

/** `hasSession`: the request carried a session id, which a 404 then says is dead (MCP 2025-11-25, "Session Management"). */
export function verdict(status: number, hasSession: boolean): Verdict {
  if (status < 300) return 'pass';
  if (status < 400 || status === 401 || status === 403 || status === 407) return 'invalid';
  if (status === 404) return hasSession ? 'pass' : 'pass-if-rpc-error';
  return status < 500 ? 'pass' : 'pass-if-rpc-error';
}

/** The code of a JSON-RPC error; undefined for any other text. */
export function rpcErrorCode(body: Buffer): number | undefined {
  try {
    const message: unknown = JSON.parse(body.toString('utf8'));
    if (typeof message !== 'object' || message === null || !('error' in message)) return undefined;
    const { error } = message;
    const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
    return typeof code === 'number' ? code : undefined;
  } catch {
    return undefined; // not JSON
  }
}
