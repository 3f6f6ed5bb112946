import { expect, test } from 'vitest';
import { TestMesh } from './mesh.ts';
import { Upstream } from './upstream.ts';

const call = { jsonrpc: '2.0', id: 7, method: 'tools/call', params: { name: 'echo', arguments: {} } };

export const post = (
  url: string,
  token: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Response> =>
  fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
      ...headers,
    },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });

test('a call reaches a server behind its own gateway, and one behind another', async () => {
  await using upstream = await Upstream.start();
  await using mesh = await TestMesh.start({
    gateways: ['aws', 'azure'],
    servers: { near: { gateway: 'aws', url: upstream.url }, far: { gateway: 'azure', url: upstream.url } },
    grants: [
      { user: 'alice', server: 'near' },
      { user: 'alice', server: 'far' },
    ],
  });
  for (const server of ['near', 'far']) {
    const reply = await post(`${mesh.gateway('aws').door}/mcp/${server}`, mesh.token('alice'), call);
    expect({ status: reply.status, body: await reply.json() }).toEqual({
      status: 200,
      body: { jsonrpc: '2.0', id: 7, result: { content: [{ type: 'text', text: 'pong' }] } },
    });
  }
  console.log(mesh.gateway('aws').audit, mesh.gateway('azure').audit, upstream.seen[1]);
});
