/** The provider under the real engine: what `up`, `up` again, repair, update and `down` do to processes. */
import { readdirSync } from 'node:fs';
import type { Stack } from '@pulumi/pulumi/automation/index.js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Gateway, Grant, McpServer, PeerMatrix, Process, type ProcessArgs, User } from './index.ts';
import { Engine, findPulumi } from './test/engine.ts';
import { RegistryStandIn } from './test/registry-stand-in.ts';
import { makeTarget, pidOf, removeTarget, runs, type Target, until } from './test/target-process.ts';
import type { Properties } from './wire.ts';

const pulumi = findPulumi();

describe.skipIf(pulumi === undefined)('under the real engine', () => {
  let engine: Engine;
  let [first, second]: Target[] = [];

  beforeEach(async () => {
    engine = new Engine(pulumi ?? '');
    [first, second] = [await makeTarget('first'), await makeTarget('second')];
  });
  afterEach(async () => {
    await engine[Symbol.asyncDispose]();
    for (const one of both()) await removeTarget(one);
  });

  const both = () => [first, second].filter((one) => one !== undefined);
  const stackOf = (change: Properties = {}): Promise<Stack> =>
    engine.stack(async () => {
      for (const one of both()) {
        const inputs = one.inputs(one === second ? change : {});
        new Process(String(inputs.name), inputs as unknown as ProcessArgs);
      }
    });
  const urns = async (stack: Stack) => {
    const { resources } = (await stack.exportStack()).deployment as { resources: { urn: string }[] };
    return resources.map(({ urn }) => urn).sort();
  };

  test('up starts, up again changes nothing, up repairs exactly what was killed, down leaves nothing', async () => {
    const stack = await stackOf();
    expect((await stack.up()).summary.resourceChanges).toEqual({ create: 3 });
    const [kept = 0, killed = 0] = both().map(pidOf);

    expect((await stack.up()).summary.resourceChanges).toEqual({ same: 3 });
    expect(both().map(pidOf)).toEqual([kept, killed]);

    process.kill(killed, 'SIGKILL');
    await until('the end', () => !runs(killed));
    expect((await stack.up()).summary.resourceChanges).toEqual({ same: 2, create: 1 });
    const [stillKept, repaired = 0] = both().map(pidOf);
    expect(stillKept).toBe(kept);
    expect(runs(repaired)).toBe(true);

    await stack.destroy();
    expect([kept, repaired].map(runs)).toEqual([false, false]);
    expect(both().flatMap((one) => readdirSync(`${one.dir}/run`))).toEqual([]);
  }, 120_000);

  test('an update is in place and keeps the URN', async () => {
    const stack = await stackOf();
    await stack.up();
    const before = await urns(stack);
    const pids = both().map(pidOf);
    const changed = await stackOf({ version: 'two' });
    const preview = await changed.preview();
    expect(preview.changeSummary).toEqual({ same: 2, update: 1 });
    expect(both().map(pidOf)).toEqual(pids);
    expect((await changed.up()).summary.resourceChanges).toEqual({ same: 2, update: 1 });
    expect(await urns(changed)).toEqual(before);
    expect(runs(pids[1] ?? 0)).toBe(false);
    await changed.destroy();
  }, 120_000);

  test('a start that fails is told with the last words, and `up` goes on from there', async () => {
    const env = { PORT: String(second?.port), DIE: 'shame' };
    await expect((await stackOf({ env })).up()).rejects.toThrow(
      /Process second: it ended with exit code 7.*dies of shame/s,
    );
    const kept = first ? pidOf(first) : 0;
    const stack = await stackOf();
    expect((await stack.up()).summary.resourceChanges).toEqual({ same: 2, create: 1 });
    expect(first && pidOf(first)).toBe(kept);
    await stack.destroy();
  }, 120_000);

  test('registry resources: no word to a dead control plane, neither at repair nor at the end', async () => {
    await using registry = await (await new RegistryStandIn().reserve()).start();
    const stack = await engine.stack(async () => {
      const life = new Process('first', first?.inputs() as unknown as ProcessArgs);
      const control = { api: registry.control, life };
      const aws = new Gateway('aws', { control, url: 'https://gw.example' });
      const server = new McpServer('m365', { gateway: aws, url: 'http://m365.internal' });
      new Grant('bob-m365', { principal: new User('bob', { control }), server, tools: ['get_*'] });
      new PeerMatrix('peers', { control, pairs: [] });
    });
    expect((await stack.up()).summary.resourceChanges).toEqual({ create: 7 });
    expect(registry.entries.size).toBe(5);
    expect((await stack.up()).summary.resourceChanges).toEqual({ same: 7 });

    await registry.stop();
    process.kill(first ? pidOf(first) : 0, 'SIGKILL');
    await until('the end', () => first === undefined || !runs(pidOf(first)));
    const repaired = await stack.up();
    expect(repaired.summary.resourceChanges).toEqual({ same: 6, create: 1 });
    expect(repaired.stdout).toMatch(/User\(bob\): could not be read, so the last known state is kept\./);

    await registry.start();
    const asked = registry.asked.length;
    await stack.destroy();
    expect(registry.asked.slice(asked).filter((one) => !one.startsWith('GET'))).toEqual([]);
  }, 120_000);
});
