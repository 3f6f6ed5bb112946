/** What docs/compatibility.md shows of the two SDKs and our own servers holds in every test run: each action directly and through two gateways. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ownClients } from './clients/index.ts';
import { Harbour } from './harbour.ts';
import { runMatrix, verdict } from './matrix.ts';
import { fixtures } from './servers/index.ts';

let harbour: Harbour;
beforeAll(async () => {
  harbour = await Harbour.open(fixtures);
});
afterAll(() => harbour?.[Symbol.asyncDispose]());

test('the SDKs of both eras do through two gateways what they do directly, and in the same way', async () => {
  const { signal } = new AbortController();
  const cells = await runMatrix({ harbour, servers: fixtures, clients: ownClients, signal, done: () => {} });
  const meets = (cell: (typeof cells)[number]) => `${cell.client} on ${cell.server.toLowerCase()}`;
  expect(cells.filter((cell) => verdict(cell) === 'lost')).toEqual([]);
  // a client of the older era alone does not meet a server of the modern one, and nothing else is missing
  const beyond = cells.filter((cell) => verdict(cell) === 'cannot').map(meets);
  expect(beyond).toEqual(Array(9).fill('TypeScript SDK 1.x on our modern fixture'));
  expect(cells.filter((cell) => verdict(cell) === 'ok')).toHaveLength(27);
}, 120_000);
