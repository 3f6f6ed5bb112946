/** Which MCP server does the path name? */
import { refuse, serverOfPath } from '@portolan/core';
import { type Authenticated, pass, type Resolved } from '../context.ts';

export function resolve(known: Authenticated): Resolved {
  const name = serverOfPath(known.path);
  if (name === undefined) throw refuse('path_not_found');
  const server = known.tables.servers.get(name);
  if (!server) throw refuse('server_not_found', { name });
  return pass(known, { server });
}
