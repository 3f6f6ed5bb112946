// `npm run up`: everything that program `local` needs, then the engine, then tokens, local.json and what to do next. Run
// again it repairs; each step is idempotent, so a killed run is gone on with by running it again.

import { setTimeout as sleep } from 'node:timers/promises';
import { bundlePlanes } from '../local/bundle.ts';
import { CommandFailed } from '../local/command-failed.ts';
import { ControlPlane } from '../local/control-plane.ts';
import { type Outcome, runEngine } from '../local/engine.ts';
import { controlPlaneDoors, writeLocalFile } from '../local/local-file.ts';
import { portBaseOf, readOptions } from '../local/options.ts';
import { defaultPortBase, type TakenPort, takenPorts } from '../local/ports.ts';
import { localProcesses } from '../local/processes.ts';
import { upReport } from '../local/report.ts';
import { holdingStack, runCommand } from '../local/run-command.ts';
import { chooseDatabase, lastPortBase, writeSettings } from '../local/settings.ts';
import { keepAdminToken, keepUserTokens } from '../local/tokens.ts';
import { cancelAbandonedLock, createStack, type Pulumi, pulumiFor, type StackPlace } from '../stack/index.ts';
import { findTool } from '../toolchain/index.ts';

const agreeWithinMs = 15_000;
const patienceMs = 20_000;

await runCommand(async (args) => {
  const given = readOptions('up', args, { 'port-base': { type: 'string' }, verbose: { type: 'boolean' } });
  const asked = portBaseOf(given);
  await holdingStack(given.stack, async (place) => {
    const portBase = asked ?? (await lastPortBase(place)) ?? defaultPortBase;
    await refuseTakenPorts(place, portBase);
    const pulumi = await prepare(place, portBase);
    const outcome = await runEngine(pulumi, ['up', '--refresh'], { verbose: given.flag('verbose'), tell });
    await finish(place, portBase, outcome);
  });
});

async function prepare(place: StackPlace, portBase: number): Promise<Pulumi> {
  const pulumi = await pulumiFor(place);
  const nats = await findTool('nats-server');
  const bundles = await bundlePlanes(place.checkout);
  const database = await chooseDatabase(place, portBase + 6, process.env);
  await createStack(pulumi);
  await writeSettings(place, { portBase, natsServer: nats.path, bundles, database });
  const abandoned = await cancelAbandonedLock(pulumi);
  for (const { pid } of abandoned) tell(`Cancelled the lock of process ${pid}, which has ended.`);
  console.log(`Stack ${place.name}: pulumi up`);
  return pulumi;
}

async function finish(place: StackPlace, portBase: number, { changes, users }: Outcome): Promise<void> {
  const admin = await keepAdminToken(place);
  const control = new ControlPlane(controlPlaneDoors(portBase).url, admin, patienceMs);
  const tokens = await keepUserTokens(place, control, users);
  const local = await writeLocalFile(place, portBase, admin, tokens);
  const late = await gatewaysBehind(control);
  console.log(summary(changes, local.processes.length));
  if (late.length > 0) console.log(`Not up to date yet: ${late.join(', ')}. \`npm run status\` tells more.`);
  console.log(upReport(place, local, new Date()));
}

/** A token that was issued just now is known where the newest snapshot is. */
async function gatewaysBehind(control: ControlPlane): Promise<readonly string[]> {
  const deadline = Date.now() + agreeWithinMs;
  for (;;) {
    const { gateways } = await control.status();
    const behind = gateways.filter(({ status, lag }) => status === 'active' && lag !== 0).map(({ name }) => name);
    if (behind.length === 0 || Date.now() > deadline) return behind;
    await sleep(100);
  }
}

async function refuseTakenPorts(place: StackPlace, portBase: number): Promise<void> {
  const ours = new Set((await localProcesses(place)).map(({ pid }) => pid));
  const taken = await takenPorts(portBase, ours);
  if (taken.length === 0) return;
  const holders = [...new Set(taken.map(({ holder }) => holder))];
  const lines = holders.flatMap((holder) => [
    `  ${holder} holds`,
    ...taken.filter((one) => one.holder === holder).map(portLine),
  ]);
  throw new CommandFailed(
    `Ports that stack ${place.name} needs are taken:\n${lines.join('\n')}\nEnd what holds them, or choose other ports with --port-base N.`,
  );
}

function portLine({ port, use }: TakenPort): string {
  return `    127.0.0.1:${port} (${use})`;
}

function summary(changes: Outcome['changes'], processes: number): string {
  const counts = Object.entries(changes).map(([op, count]) => `${op} ${count}`);
  return counts.length === 0
    ? `Nothing changed: ${processes} processes run as declared.`
    : `Changed: ${counts.join(', ')}.`;
}

function tell(line: string): void {
  console.log(`  ${line}`);
}
