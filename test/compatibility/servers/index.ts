/** The shelf of servers: one file a server. */
import type { Python } from '../prepare-python.ts';
import { everything } from './everything.ts';
import { fastmcpServer } from './fastmcp.ts';
import { legacyFixture, modernFixture } from './fixture.ts';
import type { Server } from './server.ts';

/** Ours. */
export const fixtures: readonly Server[] = [modernFixture, legacyFixture];

/** Those that the checkout itself brings. */
export const ownServers: readonly Server[] = [...fixtures, everything];

export const pythonServers = ({ python, fastmcp }: Python): readonly Server[] => [fastmcpServer(python, fastmcp)];
