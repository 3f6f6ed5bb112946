import { expect, test } from 'vitest';
import { TestMesh } from './mesh.ts';
import { call, outcome, post } from './post.ts';
import { Upstream } from './upstream.ts';

const twoClouds = (url: string) =>
  TestMesh.start({
    gateways: ['aws', 'azure'],
    servers: { near: { gateway: 'aws', url }, far: { gateway: 'azure', url } },
    grants: [
      { user: 'alice', server: 'near' },
      { user: 'alice', server: 'far' },
    ],
  });

const pong = (id: unknown) => ({ jsonrpc: '2.0', id, result: { content: [{ type: 'text', text: 'pong' }] } });

test('a call reaches a server behind its own gateway, and one behind another', async () => {
  await using upstream = await Upstream.start();
  await using mesh = await twoClouds(upstream.url);
  const aws = mesh.gateway('aws');
  for (const path of [
    '/mcp/near',
    '/mcp/far',
    '/mcp/far/',
    '/api/llm/mcp/far/server',
    '/default/mcp/far/server',
    '/mcp/far?x=1',
  ]) {
    const reply = await post(aws.door + path, call('echo', {}, 7), { token: mesh.token('alice') });
    expect({ path, ...(await outcome(reply)) }).toEqual({ path, status: 200, body: pong(7) });
  }
  expect(upstream.seen.map((seen) => seen.url)).toEqual(Array(6).fill('/mcp'));
});

test('each gateway writes one record, and the two agree', async () => {
  await using upstream = await Upstream.start();
  await using mesh = await twoClouds(upstream.url);
  const reply = await post(`${mesh.gateway('aws').door}/mcp/far`, call('echo'), { token: mesh.token('alice') });
  await reply.text();
  const [entry, ...more] = mesh.gateway('aws').audit.records;
  const [handling, ...others] = mesh.gateway('azure').audit.records;
  expect([more, others, mesh.gateway('aws').audit.notes, mesh.gateway('azure').audit.notes]).toEqual([[], [], [], []]);
  const shared = {
    request_id: reply.headers.get('x-request-id'),
    trace_id: entry?.trace_id,
    entry_gateway: 'aws',
    handling_gateway: 'azure',
    proxy_hops: 1,
    user: 'alice',
    principal_kind: 'user',
    token_id: mesh.tokens.get('alice')?.id,
    mcp_server: 'far',
    method: 'tools/call',
    tool: 'echo',
    status: 'success',
    http_status: 200,
    code: null,
  };
  expect(entry).toMatchObject({ ...shared, role: 'entry', gateway: 'aws' });
  expect(handling).toMatchObject({ ...shared, role: 'handling', gateway: 'azure' });
  expect(entry?.request_id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(mesh.gateway('aws').meter).toMatchObject({
    requests: [{ server: 'far', user: 'alice', status: 'success' }],
    hops: [{ server: 'far', from: 'aws', to: 'azure' }],
    errors: [],
  });
  expect(mesh.gateway('azure').meter.requests).toEqual([]);
});

test('the token, cookies and forwarding headers of the caller stay at the entry', async () => {
  await using upstream = await Upstream.start();
  await using mesh = await twoClouds(upstream.url);
  const token = mesh.token('alice');
  const headers = {
    cookie: 'a=b',
    'x-forwarded-for': '1.2.3.4',
    forwarded: 'for=1.2.3.4',
    via: '1.1 x',
    'x-tfy-mcp-headers': '{}',
  };
  await (await post(`${mesh.gateway('aws').door}/mcp/far`, call('echo'), { token, headers })).text();
  const [seen] = upstream.seen;
  expect(seen?.rawHeaders.join('\n')).not.toContain(token.slice(19, 40));
  expect(Object.keys(seen?.headers ?? {}).sort()).toEqual(
    [
      'accept',
      'accept-encoding',
      'accept-language',
      'connection',
      'content-length',
      'content-type',
      'host',
      'traceparent',
      'user-agent',
    ].sort(),
  );
});

test('the trace is continued over both hops and into the server, in the header and in _meta', async () => {
  await using upstream = await Upstream.start();
  await using mesh = await twoClouds(upstream.url);
  const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
  const body = { ...call('echo'), params: { name: 'echo', _meta: { traceparent, progressToken: 1 } } };
  await (
    await post(`${mesh.gateway('aws').door}/mcp/far`, body, {
      token: mesh.token('alice'),
      headers: { traceparent: `00-${'c'.repeat(32)}-${'d'.repeat(16)}-01` },
    })
  ).text();
  const [seen] = upstream.seen;
  const sent = JSON.parse(seen?.body ?? '{}').params._meta;
  expect(sent).toEqual({ traceparent: seen?.headers.traceparent, progressToken: 1 });
  expect(sent.traceparent).toMatch(new RegExp(`^00-${'a'.repeat(32)}-(?!${'b'.repeat(16)})[0-9a-f]{16}-01$`));
  for (const name of ['aws', 'azure']) expect(mesh.gateway(name).audit.records[0]?.trace_id).toBe('a'.repeat(32));
});

test('numbers and spacing of the body reach the server as they were sent', async () => {
  await using upstream = await Upstream.start();
  await using mesh = await twoClouds(upstream.url);
  const body =
    '{ "jsonrpc":"2.0", "id": 12345678901234567890, "method":"tools/call","params":{"name":"echo","arguments":{"n":1.0, "big":123456789012345678901}} }';
  await (await post(`${mesh.gateway('aws').door}/mcp/far`, body, { token: mesh.token('alice') })).text();
  expect(upstream.seen[0]?.body).toBe(body);
});

test('the doubled scheme of fastmcp is read as one', async () => {
  await using upstream = await Upstream.start();
  await using mesh = await twoClouds(upstream.url);
  const reply = await post(`${mesh.gateway('aws').door}/mcp/near`, call('echo'), {
    token: `Bearer ${mesh.token('alice')}`,
  });
  expect(await outcome(reply)).toEqual({ status: 200, body: pong(1) });
});

test('a server whose proxy URL is another gateway comes back once: 508, and no third request', async () => {
  await using upstream = await Upstream.start();
  await using mesh = await TestMesh.start({
    gateways: ['aws', 'azure'],
    servers: { far: { gateway: 'azure', url: upstream.url } },
    grants: [{ user: 'alice', server: 'far' }],
  });
  const awsUrl = mesh.url('aws');
  // the two gateways disagree: for azure the server is at aws
  await mesh.apply(
    (tables) => ({
      ...tables,
      servers: tables.servers.map((server) => ({ ...server, gateway: 'aws', proxyUrl: awsUrl })),
    }),
    'azure',
  );
  const reply = await post(`${mesh.gateway('aws').door}/mcp/far`, call('echo'), { token: mesh.token('alice') });
  expect(await outcome(reply)).toMatchObject({
    status: 508,
    body: { id: 1, error: { code: 50801, data: { code: 'hop_loop', hop: 'azure' } } },
  });
  expect(mesh.gateway('aws').audit.records).toMatchObject([{ code: 'hop_loop', status: 'failed' }]);
  expect(mesh.gateway('azure').audit.records).toMatchObject([{ code: 'hop_loop', status: 'failed' }]);
});
