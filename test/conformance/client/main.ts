/**
 * A client under the suite's eyes: it is started with the URL of the suite's server, asks the desk for the way there (a gateway stands in it),
 * and does what the scenario wants. Scenarios that it does not know, those with an authorization server, end at once.
 */
import { scenarios } from './scenarios.ts';

const url = process.argv[2] ?? '';
const { MCP_CONFORMANCE_SCENARIO, MCP_CONFORMANCE_PROTOCOL_VERSION, MCP_CONFORMANCE_CONTEXT } = process.env;
const { PORTOLAN_CONFORMANCE_DESK: desk, PORTOLAN_CONFORMANCE_WAY: way } = process.env;
const scenario = scenarios[MCP_CONFORMANCE_SCENARIO ?? ''];

async function wayTo(server: string): Promise<string> {
  if (desk === undefined || way === undefined || way === 'direct') return server;
  const answer = await fetch(desk, { method: 'POST', body: JSON.stringify({ url: server, way }) });
  return ((await answer.json()) as { url: string }).url;
}

if (scenario) {
  const version = MCP_CONFORMANCE_PROTOCOL_VERSION ?? '';
  const context = JSON.parse(MCP_CONFORMANCE_CONTEXT ?? '{}');
  await scenario({ url: new URL(await wayTo(url)), version, context });
}
process.exit(0);
