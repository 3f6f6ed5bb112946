/** Under the real engine, without a preview: what comes before a bad argument must not be created. */
import { ComponentResource, RunError } from '@pulumi/pulumi';
import { describe, expect, test } from 'vitest';
import { Engine, findPulumi } from '../provider/test/engine.ts';
import { allOrNothing } from './all-or-nothing.ts';

const pulumi = findPulumi();

describe.skipIf(pulumi === undefined)('a program on the real engine', () => {
  const run = async (engine: Engine, isBad: boolean) => {
    const stack = await engine.stack(async () =>
      allOrNothing(() => {
        new ComponentResource('test:index:First', 'first');
        if (isBad) throw new RunError('GatewayPlane(aws).url: expected another');
      }),
    );
    const failure = await stack.up().then(
      () => '',
      (error: Error) => error.message,
    );
    const { resources = [] } = (await stack.exportStack()).deployment as { resources?: { type: string }[] };
    return { failure, types: resources.map(({ type }) => type) };
  };

  test('that fails late registers nothing; that does not, everything', { timeout: 120_000 }, async () => {
    await using engine = new Engine(pulumi ?? '');
    const bad = await run(engine, true);
    expect(bad.failure).toContain('GatewayPlane(aws).url: expected another');
    expect(bad.types).not.toContain('test:index:First');
    const good = await run(engine, false);
    expect(good).toEqual({ failure: '', types: expect.arrayContaining(['test:index:First']) });
  });
});
