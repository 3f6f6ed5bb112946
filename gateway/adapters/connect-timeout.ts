/** What every transport that dials agrees on. */

export const CONNECT_TIMEOUT_MS = 2_000;
export const KEEP_ALIVE_MS = 30_000;

/** A connection could not be made in time. */
export class DialTimeout extends Error {
  constructor(ms: number) {
    super(`no connection within ${ms} ms`);
  }
}
