// `npm run status`: each process of a stack, whether it runs and answers, and for gateways the applied revision and how
// far it lags. Exit 0 when every part is well, 1 when one is not.

import type { api } from '@portolan/core';
import { CommandFailed } from '../local/command-failed.ts';
import { ControlPlane } from '../local/control-plane.ts';
import { readLocalFile } from '../local/local-file.ts';
import { readOptions } from '../local/options.ts';
import { isReady, isRunning, type LocalProcess, localProcesses } from '../local/processes.ts';
import { table } from '../local/report.ts';
import { runCommand } from '../local/run-command.ts';
import { type StackPlace, stackPlace } from '../stack/index.ts';

type Gateway = api.GatewayStatus;

interface Part {
  readonly name: string;
  readonly health: 'ready' | 'not ready' | 'not running';
  readonly pid: number;
  /** Newest revision of a gateway, the one it has applied, and their difference; null while unknown. */
  readonly gateway?: Pick<Gateway, 'revision' | 'appliedRevision' | 'lag' | 'connected' | 'drift'>;
}

await runCommand(async (args) => {
  const given = readOptions('status', args, { json: { type: 'boolean' } });
  const place = await stackPlace(given.stack);
  const processes = await localProcesses(place);
  if (processes.length === 0) throw new CommandFailed(`Stack ${place.name} is not up. \`npm run up\` starts it.`);
  const gateways = await knownGateways(place);
  const parts = await Promise.all(processes.map((one) => look(one, gateways)));
  console.log(given.flag('json') ? JSON.stringify({ stack: place.name, parts }, null, 2) : text(parts));
  process.exitCode = parts.every(({ health }) => health === 'ready') ? 0 : 1;
});

async function look(one: LocalProcess, gateways: readonly Gateway[]): Promise<Part> {
  const health = !(await isRunning(one)) ? 'not running' : (await isReady(one)) ? 'ready' : 'not ready';
  const found = gateways.find(({ name }) => one.name === `gateway-${name}`);
  if (found === undefined) return { name: one.name, health, pid: one.pid };
  const { revision, appliedRevision, lag, connected, drift } = found;
  return { name: one.name, health, pid: one.pid, gateway: { revision, appliedRevision, lag, connected, drift } };
}

/** Empty while the control plane cannot tell: its own line says so. */
async function knownGateways(place: StackPlace): Promise<readonly Gateway[]> {
  const local = await readLocalFile(place);
  if (local === undefined) return [];
  const { gateways } = await new ControlPlane(local.controlPlane.url, local.adminToken)
    .status()
    .catch(() => ({ gateways: [] }));
  return gateways;
}

function text(parts: readonly Part[]): string {
  const shown = (value: number | null | undefined) => String(value ?? '–');
  const rows = parts.map(({ name, health, pid, gateway }) => {
    const numbers = gateway ? [gateway.revision, gateway.appliedRevision, gateway.lag].map(shown) : [];
    const remark = gateway?.drift
      ? 'applied snapshot differs from the published one'
      : gateway && !gateway.connected
        ? 'not connected'
        : '';
    return [name, health, health === 'not running' ? '–' : String(pid), ...(gateway ? numbers : ['', '', '']), remark];
  });
  return table([['PART', 'HEALTH', 'PID', 'REVISION', 'APPLIED', 'LAG', ''], ...rows]);
}
