/** A token or a grant that is taken away ends the streams that were opened with it, at both ends of a hop; other callers' go on. */
import { expect, test, vi } from 'vitest';
import { call } from './post.ts';
import { threeClouds } from './three-clouds.ts';

const world = threeClouds();
const { aws, azure, mesh } = { aws: world.aws, azure: world.azure, mesh: () => world.mesh };

test.each([
  [
    'a revoked token',
    'token_invalid',
    (id: string) => ({ tokens: (row: { id: string }) => row.id !== id, grants: () => true }),
  ],
  [
    'a removed grant',
    'no_grant',
    () => ({ tokens: () => true, grants: (row: { principal: { name: string } }) => row.principal.name !== 'alice' }),
  ],
])('%s', async (_, code, keep) => {
  let open = 0;
  world.upstream.script = (seen, response) => {
    open += 1;
    void seen.closed.then(() => {
      open -= 1;
    });
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(
      'data: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}\n\n',
    );
  };
  const streams = await Promise.all(
    ['alice', 'bob'].map((user) => world.ask('/mcp/far', call('echo'), { token: mesh().token(user) })),
  );
  expect(streams.map(({ status }) => status)).toEqual([200, 200]);
  expect(open).toBe(2);
  const id = mesh().tokens.get('alice')?.id ?? '';
  const kept = keep(id);
  await mesh().apply((tables) => ({
    ...tables,
    tokens: tables.tokens.filter(kept.tokens),
    grants: tables.grants.filter(kept.grants),
  }));
  await vi.waitUntil(() => open === 1, { timeout: 5_000 });
  const of = (gateway: typeof aws) => gateway().audit.records.filter(({ user }) => user === 'alice');
  await vi.waitUntil(() => of(aws).length > 0 && of(azure).length > 0, { timeout: 5_000 });
  expect(of(aws)).toMatchObject([{ code, status: 'refused' }]);
  expect(of(azure)).toHaveLength(1);
  await Promise.all(streams.map((stream) => stream.body?.cancel().catch(() => undefined)));
});
