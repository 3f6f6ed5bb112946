/** What an MCP server's status says of what replicas found, and what one gateway may say. */
import type { ServerState } from '@portolan/core';
import { expect, test } from 'vitest';
import { judgeServer } from './judge-server.ts';
import { ServerReports } from './server-reports.ts';

const state = (changes: Partial<ServerState> = {}): ServerState => ({
  server: 'm',
  reachable: true,
  era: 'dual',
  eraAt: 1,
  protocolVersions: [],
  serverInfo: null,
  tools: 1,
  latencyMs: 1,
  checkedAt: 10,
  lastError: null,
  ...changes,
});
const error = { code: 'upstream_down', message: 'x', at: 10 };
const judged = (states: Record<string, ServerState>, speaking = Object.keys(states)) =>
  judgeServer(new Map(Object.entries(states)), new Set(speaking));

test('nobody has spoken, or none who is heard from: unknown, not unreachable', () => {
  for (const nothing of [judged({}), judged({ a: state() }, []), judged({ a: state({ reachable: false }) }, ['b'])])
    expect(new Set(Object.values(nothing))).toEqual(new Set([null]));
});

test('the replica that cannot reach it decides; of equals the one that asked last', () => {
  const failing = state({ reachable: false, checkedAt: 5, lastError: error });
  expect(judged({ a: state(), b: failing, c: state() })).toMatchObject({
    reachable: false,
    lastError: { code: error.code },
  });
  expect(judged({ a: state(), b: failing }, ['a'])).toMatchObject({ reachable: true, lastError: null });
  expect(judged({ a: state({ tools: 1 }), b: state({ tools: 2, checkedAt: 11 }) }).tools).toBe(2);
});

test('a gateway speaks for itself alone, of the newest, and within bounds', () => {
  const reports = new ServerReports();
  expect(() => reports.take('gcp', { gateway: 'aws', replica: 'r', servers: [state()] })).toThrow(/gcp.*aws/);
  reports.take('aws', { gateway: 'aws', replica: 'r', servers: [state({ tools: 1 })] });
  reports.take('aws', { gateway: 'aws', replica: 'r', servers: [state({ tools: 2 }), state({ server: 'n' })] });
  expect(reports.of('aws', 'm').get('r')?.tools).toBe(2);
  expect(reports.of('gcp', 'm').size).toBe(0);
  for (let at = 0; at < 6; at += 1) {
    const servers = Array.from({ length: 1000 }, (_, n) => state({ server: `x${at}-${n}` }));
    reports.take('aws', { gateway: 'aws', replica: 'r', servers });
  }
  expect([reports.of('aws', 'm').size, reports.of('aws', 'x0-0').size, reports.of('aws', 'x5-999').size]).toEqual([
    0, 0, 1,
  ]);
  for (let at = 0; at < 40; at += 1) reports.take('aws', { gateway: 'aws', replica: `r${at}`, servers: [state()] });
  expect([...reports.of('aws', 'm').keys()]).toEqual(Array.from({ length: 32 }, (_, at) => `r${at + 8}`));
});
