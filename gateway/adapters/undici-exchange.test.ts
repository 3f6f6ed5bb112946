/** What an MCP server answers, as it is read: at once, or long after it has come. */
import type { ServerResponse } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Upstream } from '../test/upstream.ts';
import { dialler } from './undici-dial.ts';
import { openExchange } from './undici-exchange.ts';
import { Lanes } from './undici-lanes.ts';

const noEnding = { reason: undefined, listen: () => undefined, heard: () => undefined };
/** Event loop turns in which all that is on its way in this process arrives. */
const TURNS = 50;

let upstream: Upstream;
let lanes: Lanes;
beforeAll(async () => {
  upstream = await Upstream.start();
  lanes = new Lanes(new URL(upstream.url).origin, dialler({}, 2_000));
});
afterAll(async () => {
  await lanes.close();
  await upstream[Symbol.asyncDispose]();
});

async function ask() {
  const asked = Promise.withResolvers<ServerResponse>();
  upstream.script = (_seen, response) => asked.resolve(response);
  const exchange = {
    method: 'POST',
    headers: [],
    body: Buffer.from('{}'),
    ending: noEnding,
  } as const;
  const answer = openExchange(lanes, '/mcp', exchange, (error) => {
    throw error;
  });
  return { answer, response: await asked.promise };
}

test.each([70_000, 100_000, 200_000])(
  '%i bytes that wait for a slow reader come whole, and no chunk is empty',
  async (size) => {
    const { answer, response } = await ask();
    response.writeHead(200, { 'content-length': size + 2 }).write(Buffer.alloc(size, 'a'));
    const { body } = await answer;
    for (let i = 0; i < TURNS; i += 1) await turn();
    const sizes: number[] = [];
    for await (const chunk of body) {
      sizes.push(chunk.length);
      if (sizes.reduce((sum, one) => sum + one) === size && !response.writableEnded) response.end('bc');
    }
    expect(sizes.reduce((sum, one) => sum + one)).toBe(size + 2);
    expect(sizes).not.toContain(0);
  },
);
