import { setImmediate as breathe } from 'node:timers/promises';
import { compileGrants, type Grant } from '@portolan/core';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ListChanges } from './list-changes.ts';
import type { Registry, Tables } from './ports.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

const principal = { kind: 'user', name: 'alice' } as const;
const granted = (...tools: string[]) =>
  compileGrants([
    {
      id: 'g',
      effect: 'allow',
      principal,
      server: 's',
      everything: false,
      tools,
      prompts: [],
      resources: [],
    } satisfies Grant,
  ]);

test('who comes with a view that a snapshot has overtaken is told, too', () => {
  const before = granted('a');
  const now = granted('a', 'b');
  const tables = { grantsOf: () => now } as Partial<Tables> as Tables;
  const registry: Registry = { current: () => tables, onChange: () => () => undefined };
  const told: number[] = [];
  const changes = new ListChanges(registry, 1_000);
  changes.watch({ principal, server: 's', view: before.view('s'), tell: (changed) => told.push(changed) });
  changes.watch({ principal, server: 's', view: now.view('s'), tell: () => told.push(0) });
  vi.advanceTimersByTime(1_000);
  expect(told).toEqual([1]);
});

test('of many streams some are told at a time; who has left meanwhile is not', async () => {
  let now = granted('a');
  let change = (): void => undefined;
  const tables = { grantsOf: () => now } as Partial<Tables> as Tables;
  const registry: Registry = {
    current: () => tables,
    onChange: (listener) => {
      change = listener;
      return () => undefined;
    },
  };
  const changes = new ListChanges(registry, 1_000);
  let told = 0;
  const tell = (): void => {
    told += 1;
  };
  const leave = Array.from({ length: 500 }, () => changes.watch({ principal, server: 's', view: now.view('s'), tell }));
  now = granted('b');
  change();
  vi.advanceTimersByTime(1_000);
  expect(told).toBe(200);
  leave[499]?.();
  leave[0]?.();
  await breathe();
  expect(told).toBe(400);
  await breathe();
  expect(told).toBe(499);
});
