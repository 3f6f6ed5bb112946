// `npm run up`: everything that program `local` needs, then the engine, then tokens, local.json and what to do next. Run
// again it repairs; each step is idempotent, so a killed run is gone on with by running it again.

import { setTimeout as sleep } from 'node:timers/promises';
import { bundlePlanes } from '../local/bundle.ts';
import { CommandFailed } from '../local/command-failed.ts';
import { ControlPlane } from '../local/control-plane.ts';
import { type EngineOptions, type Outcome, runEngine } from '../local/engine.ts';
import { controlPlaneDoors, writeLocalFile } from '../local/local-file.ts';
import { freePortBase, takenPorts } from '../local/ports.ts';
import { localProcesses } from '../local/processes.ts';
import { takenReport, upReport } from '../local/report.ts';
import { holdingStack, runCommand } from '../local/run-command.ts';
import { chooseDatabase, lastPortBase, rememberPortBase, writeSettings } from '../local/settings.ts';
import { keepAdminToken, keepUserTokens } from '../local/tokens.ts';
import { refuseOption, upProgram } from '../programs/commands.ts';
import { isProgram } from '../programs/settings.ts';
import {
  cancelAbandonedLock,
  createStack,
  hasStack,
  type Pulumi,
  pendingCreates,
  pulumiFor,
  type StackPlace,
} from '../stack/index.ts';
import { defaultPortBase } from '../start/port-range.mjs';
import { findTool } from '../toolchain/index.ts';

const agreeWithinMs = 15_000;
const patienceMs = 20_000;
const beginning = '  Pulumi starts, reads the program, and looks at what runs';

await runCommand('up', async (given, signal) => {
  await holdingStack(given.stack, signal, async (place) => {
    console.log(`Stack ${place.name}`);
    const standIns = given.flag('stand-ins');
    if (isProgram(place)) return upProgram(place, { standIns, verbose: given.flag('verbose'), signal });
    refuseOption('--stand-ins', standIns, place, 'a local stack runs everything itself');
    const portBase = given.portBase ?? (await lastPortBase(place)) ?? defaultPortBase;
    await refuseTakenPorts(place, portBase);
    await rememberPortBase(place, portBase);
    const pulumi = await prepare(place, portBase, signal);
    const options = { verbose: given.flag('verbose'), beginning, tell, signal };
    await forgetPendingCreates(pulumi, options);
    const outcome = await runEngine(pulumi, ['up', '--refresh'], options);
    await finish(place, portBase, outcome, signal);
  });
});

async function prepare(place: StackPlace, portBase: number, signal: AbortSignal): Promise<Pulumi> {
  tell('Looking for Pulumi and nats-server.');
  const pulumi = await pulumiFor(place, { signal });
  const nats = await findTool('nats-server', { signal });
  tell('Bundling the gateway and the control plane.');
  const bundles = await bundlePlanes(place.checkout);
  signal.throwIfAborted();
  const database = await chooseDatabase(place, portBase + 6, process.env);
  if (!hasStack(place)) tell('Making the stack.');
  await createStack(pulumi);
  await writeSettings(place, { portBase, natsServer: nats.path, bundles, database });
  const abandoned = await cancelAbandonedLock(pulumi);
  for (const { pid } of abandoned) tell(`Cancelled the lock of process ${pid}, which has ended.`);
  return pulumi;
}

/** After a killed CLI. What was half made is made again: each Create ends or takes over what it finds. */
async function forgetPendingCreates(pulumi: Pulumi, options: EngineOptions): Promise<void> {
  const names = await pendingCreates(pulumi.place);
  if (names.length === 0) return;
  tell(`Interrupted while being made: ${[...new Set(names)].join(', ')}. What is declared is made again.`);
  await runEngine(pulumi, ['refresh', '--clear-pending-creates'], {
    ...options,
    beginning: '  Pulumi looks at what runs',
  });
}

async function finish(place: StackPlace, portBase: number, outcome: Outcome, signal: AbortSignal): Promise<void> {
  tell('Keeping tokens; waiting until every gateway has the newest snapshot.');
  const admin = await keepAdminToken(place);
  const control = new ControlPlane(controlPlaneDoors(portBase).url, admin, signal, patienceMs);
  const tokens = await keepUserTokens(place, control, outcome.users);
  const local = await writeLocalFile(place, portBase, admin, tokens);
  const late = await gatewaysBehind(control, signal);
  console.log(summary(outcome.changes, local.processes.length));
  if (late.length > 0) console.log(`Not up to date yet: ${late.join(', ')}. \`npm run status\` tells more.`);
  console.log(upReport(place, local, new Date()));
}

/** A token that was issued just now is known where the newest snapshot is. */
async function gatewaysBehind(control: ControlPlane, signal: AbortSignal): Promise<readonly string[]> {
  const deadline = Date.now() + agreeWithinMs;
  for (;;) {
    signal.throwIfAborted();
    const { gateways } = await control.status();
    const behind = gateways.filter(({ status, lag }) => status === 'active' && lag !== 0).map(({ name }) => name);
    if (behind.length === 0 || Date.now() > deadline) return behind;
    await sleep(100);
  }
}

async function refuseTakenPorts(place: StackPlace, portBase: number): Promise<void> {
  const ours = new Set((await localProcesses(place)).map(({ pid }) => pid));
  const [first, ...others] = await takenPorts(portBase, ours);
  if (first === undefined) return;
  throw new CommandFailed(takenReport(place.name, [first, ...others], await freePortBase(portBase)));
}

function summary(changes: Outcome['changes'], processes: number): string {
  const counts = Object.entries(changes).map(([change, count]) => `${count} ${change}`);
  return counts.length === 0
    ? `Nothing changed: ${processes} processes run as declared.`
    : `Changed: ${counts.join(', ')}.`;
}

function tell(line: string): void {
  console.log(`  ${line}`);
}
