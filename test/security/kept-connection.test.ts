/** A change of the registry cuts nobody whom it does not concern: an open mesh connection lives through it, and is cut for its own reasons alone. */
import { expect, inject, test } from 'vitest';
import { eventually } from '../harness/federation.ts';
import { hopHeaders, identityOf, KeptLine } from '../harness/mesh-client.ts';
import { sharedFederation } from '../harness/shared-federation.ts';

test('an open connection between gateways lives through a change of grants', async () => {
  const federation = await sharedFederation(inject('federation'));
  await using line = new KeptLine(federation, 'azure', await identityOf(federation, 'gcp'));
  const ask = () => line.ask(hopHeaders(federation, 'gcp', 'azure'));
  expect((await ask()).status).toBe(200);
  const grant = { principal: { kind: 'user', name: 'bob' }, server: 'mcp-devops', tools: ['get_build'] };
  expect((await federation.api('PUT', '/grants/test-kept', grant)).status).toBe(201);
  const bob = federation.local.users.bob?.token ?? '';
  await eventually('the change has reached azure', async () =>
    (await federation.send('azure', 'mcp-devops', bob, { jsonrpc: '2.0', id: 1, method: 'tools/list' })).status === 200
      ? true
      : undefined,
  );
  expect(await ask()).toMatchObject({ status: 200 });
  await federation.api('DELETE', '/grants/test-kept');
});
