// `npm run status`: each process of a stack, whether it runs and answers, and for gateways whether what they have applied
// is current, and when they were last heard from; then each MCP server, as the gateway that dials it found it.
// Exit 0 when every process is well, 1 when one is not: what is registered may be away without a fault of the stack's.

import type { api } from '@portolan/core';
import { CommandFailed } from '../local/command-failed.ts';
import { ControlPlane } from '../local/control-plane.ts';
import { readLocalFile } from '../local/local-file.ts';
import { isReady, isRunning, type LocalProcess, localProcesses } from '../local/processes.ts';
import { runCommand } from '../local/run-command.ts';
import { type Part, statusReport } from '../local/status-report.ts';
import { type StackPlace, stackPlace } from '../stack/index.ts';

await runCommand('status', async (given, signal) => {
  const place = await stackPlace(given.stack);
  const processes = await localProcesses(place);
  if (processes.length === 0) throw new CommandFailed(`Stack ${place.name} is not up. \`npm run up\` starts it.`);
  const known = await federation(place, signal);
  const parts = await Promise.all(processes.map((one) => look(one, known?.gateways ?? [])));
  const [servers, certificates] = [known?.mcpServers ?? null, known?.certificates ?? null];
  const text = given.flag('json')
    ? JSON.stringify({ stack: place.name, parts, servers, certificates }, null, 2)
    : statusReport(parts, known ?? null, new Date());
  console.log(text);
  process.exitCode = parts.every(({ health }) => health === 'ready') ? 0 : 1;
});

async function look(one: LocalProcess, gateways: readonly api.GatewayStatus[]): Promise<Part> {
  const health = !(await isRunning(one)) ? 'not running' : (await isReady(one)) ? 'ready' : 'not ready';
  const part: Part = { name: one.name, health, pid: one.pid };
  if (!one.name.startsWith('gateway-')) return part;
  const found = gateways.find(({ name }) => one.name === `gateway-${name}`);
  if (found === undefined) return { ...part, gateway: null };
  const { revision, appliedRevision, lag, connected, drift, lastReportAt } = found;
  return { ...part, gateway: { revision, appliedRevision, lag, connected, drift, lastReportAt } };
}

/** Undefined while the control plane cannot tell: its own line says so. */
async function federation(place: StackPlace, signal: AbortSignal): Promise<api.FederationStatus | undefined> {
  const local = await readLocalFile(place);
  if (local === undefined) return undefined;
  const control = new ControlPlane(local.controlPlane.url, local.adminToken, signal);
  const status = await control.status().catch(() => undefined);
  signal.throwIfAborted();
  return status;
}
