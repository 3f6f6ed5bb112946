/** Which revisions the everything server speaks on its one endpoint, and what it does with sessions. What its tools do, the suite says (test/conformance). */
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { expect, test } from 'vitest';
import { call, post } from '../../../gateway/test/post.ts';
import { Everything, type EverythingEra } from './everything.ts';

const connect = async (url: string, era: 'legacy' | 'modern') => {
  const mode = era === 'legacy' ? ('legacy' as const) : { pin: '2026-07-28' };
  const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode } });
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
  return client;
};

test.each<[EverythingEra, 'legacy' | 'modern', boolean]>([
  ['dual', 'legacy', true],
  ['dual', 'modern', true],
  ['legacy', 'legacy', true],
  ['legacy', 'modern', false],
  ['modern', 'modern', true],
  ['modern', 'legacy', false],
])('era %s, a %s client: %s', async (era, speaks, understood) => {
  await using everything = await Everything.start({ era });
  const talk = async () => {
    const client = await connect(everything.url, speaks);
    const { content } = await client.callTool({ name: 'test_simple_text', arguments: {} });
    await client.close();
    return content;
  };
  if (understood) expect(await talk()).toMatchObject([{ type: 'text' }]);
  else await expect(talk()).rejects.toThrow();
});

test('a session that is not there is 404, a request without one 400', async () => {
  await using everything = await Everything.start();
  const foreign = await post(everything.url, call('greet'), { headers: { 'mcp-session-id': 'gone' } });
  expect(foreign.status).toBe(404);
  expect((await post(everything.url, call('greet'))).status).toBe(400);
});
