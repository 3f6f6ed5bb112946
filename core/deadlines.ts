/**
 * How long a call to an MCP server may take: what its registration says, else what the gateway does by default; a registration may ask for more as well
 * as for less. Both gateways of a call know the registration; what is left of the whole crosses the hop, and the less counts.
 */
import type { McpServer } from './snapshot.ts';

/** A whole call, ms; `otherwise` is the gateway's own default. */
export const callMs = ({ deadlines }: McpServer, otherwise: number): number =>
  deadlines?.totalSeconds === undefined ? otherwise : deadlines.totalSeconds * 1_000;

/** Until the first byte of an answer, and between two bytes, ms; `otherwise` is the gateway's own default. */
export const idleMs = ({ deadlines }: McpServer, otherwise: number): number =>
  deadlines?.idleSeconds === undefined ? otherwise : deadlines.idleSeconds * 1_000;
