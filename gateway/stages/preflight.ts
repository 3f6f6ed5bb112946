/**
 * Answers what a browser asks before a page may call: yes, and with which headers. Before anyone is asked who he is, because the question carries no
 * token; it says nothing of servers. A foreign origin has been refused before.
 */
import type { Accepted, Reply } from '../context.ts';
import { preflightHeaders } from '../stream/cors.ts';

export const preflight = ({ headers }: Accepted): Reply => ({
  status: 204,
  headers: preflightHeaders(String(headers['access-control-request-headers'] ?? '')),
  body: undefined,
  unrecorded: true,
});
