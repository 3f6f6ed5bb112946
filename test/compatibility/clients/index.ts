/** The shelf of clients: one file a client. */
import type { Python } from '../prepare-python.ts';
import type { Client } from './client.ts';
import { fastmcp } from './fastmcp.ts';
import { inspector } from './inspector.ts';
import { mcpRemote } from './mcp-remote.ts';
import { sdk1 } from './sdk-1.ts';
import { sdk2 } from './sdk-2.ts';

/** Those that the checkout itself brings. */
export const ownClients: readonly Client[] = [sdk1, sdk2];

export const pythonClients = ({ python, fastmcp: version }: Python): readonly Client[] => [fastmcp(python, version)];

/** `folder`: where the clients of npm are installed. */
export const npmClients = (folder: string): readonly Client[] => [inspector(folder), mcpRemote(folder)];
