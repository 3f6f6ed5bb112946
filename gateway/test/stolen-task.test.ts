/** Tasks between principals, of both eras: whoever started one comes back to it, and nobody else. */
import { describe, expect, test } from 'vitest';
import { outcome } from './post.ts';
import { refusal, threeClouds } from './three-clouds.ts';
import { answerJson, type Script } from './upstream.ts';

const world = threeClouds();
const { aws, azure } = world;

const TASK = 'Aufgabe für Zoë'; // no ASCII: its mirror in a header is not its text
const META = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': { extensions: { 'io.modelcontextprotocol/tasks': {} } },
};
const UNKNOWN = refusal(-32602, 'task_not_found', 'Unknown task.', 1, 'azure');

/** `name`: what the header `Mcp-Name` says. */
function modern(user: string, method: string, params: object, name?: string, path = '/mcp/far'): Promise<Response> {
  const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': method, ...(name && { 'mcp-name': name }) };
  const body = { jsonrpc: '2.0', id: 1, method, params: { ...params, _meta: META } };
  return world.ask(path, body, { token: world.mesh.token(user), headers });
}
const legacy = (user: string, method: string, params: object, headers: Record<string, string> = {}) =>
  world.ask('/mcp/far', { jsonrpc: '2.0', id: 1, method, params }, { token: world.mesh.token(user), headers });
interface Task {
  readonly taskId: string;
}
interface Answered extends Task {
  readonly task: Task;
  readonly tasks: readonly Task[];
  readonly result: { readonly content: readonly { readonly text: string }[] };
  readonly _meta: { readonly 'io.modelcontextprotocol/related-task': Task };
}
/** The result. */
const answered = async (reply: Promise<Response>): Promise<Answered> =>
  ((await (await reply).json()) as { result: Answered }).result;
const lastSeen = () => {
  const seen = world.upstream.seen.at(-1);
  return { params: JSON.parse(seen?.body ?? '{}').params, name: seen?.headers['mcp-name'] };
};

/** A server that knows one task and does not ask whose it is. */
const careless: Script = (seen, response) => {
  const { id, method, params } = JSON.parse(seen.body);
  const task = { taskId: TASK, status: 'working', createdAt: '2026-11-30T00:00:00Z' };
  const results: Record<string, object> = {
    'tools/call': params?.task ? { task } : { resultType: 'task', ...task },
    'tasks/list': { tasks: [task] },
    'tasks/result': { content: [], _meta: { 'io.modelcontextprotocol/related-task': { taskId: TASK } } },
  };
  answerJson(
    response,
    { jsonrpc: '2.0', id, result: results[method] ?? { resultType: 'complete', ...task } },
    { 'mcp-session-id': 's' },
  );
};

async function started(user: string, path?: string): Promise<string> {
  world.upstream.script = careless;
  const result = await answered(modern(user, 'tools/call', { name: 'echo', arguments: {} }, 'echo', path));
  expect(result).toMatchObject({ resultType: 'task', taskId: expect.stringMatching(/^[\w-]{60,1024}$/) });
  return result.taskId;
}

describe('a modern task', () => {
  test('is asked about, updated and cancelled by whoever started it, with a grant of its tool alone', async () => {
    const taskId = await started('bob');
    for (const method of ['tasks/get', 'tasks/update', 'tasks/cancel']) {
      const result = await answered(modern('bob', method, { taskId, inputResponses: {} }, taskId));
      expect(result).toMatchObject({ taskId }); // by the name that he knows
      expect(lastSeen()).toMatchObject({
        params: { taskId: TASK, inputResponses: {}, _meta: META },
        name: `=?base64?${Buffer.from(TASK).toString('base64')}?=`,
      });
    }
    await (await modern('bob', 'tasks/get', { taskId })).text(); // without the header, which the core does not ask for
    expect(lastSeen()).toMatchObject({ params: { taskId: TASK }, name: undefined });
  });

  test("another's, torn, raw, of another server or of another kind: unknown, in the same words, and the server is not asked", async () => {
    const hers = await started('alice');
    const near = await started('alice', '/mcp/near');
    world.upstream.seen.length = 0;
    const cases = [
      ['bob', hers],
      ['bob', hers.slice(0, -1)],
      ['bob', TASK],
      ['bob', 'x'],
      ['alice', near],
      ['alice', TASK],
    ] as const;
    for (const [user, taskId] of cases) {
      for (const method of ['tasks/get', 'tasks/update', 'tasks/cancel']) {
        expect(await outcome(await modern(user, method, { taskId }))).toEqual({ status: 200, body: UNKNOWN });
      }
    }
    expect(world.upstream.seen).toEqual([]);
    expect(azure().audit.records.at(-1)).toMatchObject({ code: 'task_not_found', status: 'refused' });
  });

  test('a header that names another task than the body is refused, sealed or not', async () => {
    const [taskId, other] = [await started('bob'), await started('alice')];
    const reply = await modern('bob', 'tasks/get', { taskId }, other);
    expect(await outcome(reply)).toMatchObject({ status: 400, body: { error: { code: -32020 } } });
  });

  test('is heard of on a stream by whoever started it alone', async () => {
    const taskId = await started('bob');
    const heard = [
      { method: 'notifications/subscriptions/acknowledged', params: { notifications: { taskIds: [TASK] } } },
      {
        method: 'notifications/tasks',
        params: { taskId: TASK, status: 'completed', result: { content: [{ taskId: 'x' }] } },
      },
    ];
    world.upstream.script = (_seen, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end(heard.map((message) => `data: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`).join(''));
    };
    const listen = (user: string) => modern(user, 'subscriptions/listen', { notifications: { taskIds: [taskId] } });
    const text = await (await listen('bob')).text();
    expect(text).toBe(
      heard
        .map((message) => `data: ${JSON.stringify({ jsonrpc: '2.0', ...message }).replaceAll(TASK, taskId)}\n\n`)
        .join(''),
    );
    expect(lastSeen().params.notifications).toEqual({ taskIds: [TASK] });
    expect(await outcome(await listen('alice'))).toEqual({ status: 200, body: UNKNOWN });
  });

  test('its long answer is sealed, too', async () => {
    const taskId = await started('bob');
    const long = 'x'.repeat(500_000);
    world.upstream.script = (_seen, response) =>
      answerJson(response, {
        jsonrpc: '2.0',
        id: 1,
        result: { result: { content: [{ type: 'text', text: long }] }, taskId: TASK },
      });
    const result = await answered(modern('bob', 'tasks/get', { taskId }));
    expect(result.taskId).toBe(taskId);
    expect(result.result.content[0]?.text).toBe(long);
  });
});

describe('a task of 2025-11-25', () => {
  test('is created, asked for and answered under one name', async () => {
    world.upstream.script = careless;
    const created = await answered(legacy('bob', 'tools/call', { name: 'echo', task: { ttl: 1000 } }));
    const { taskId } = created.task;
    expect(taskId).toMatch(/^[\w-]{60,1024}$/);
    const got = await answered(legacy('bob', 'tasks/get', { taskId }));
    const result = await answered(legacy('bob', 'tasks/result', { taskId }));
    expect([got.taskId, result._meta['io.modelcontextprotocol/related-task'].taskId]).toEqual([taskId, taskId]);
    expect(lastSeen().params.taskId).toBe(TASK);
    expect(await outcome(await legacy('alice', 'tasks/result', { taskId }))).toEqual({ status: 200, body: UNKNOWN });
  });

  test('belongs to no request of another: `related-task` opens as an id does', async () => {
    const [hers, his] = [await started('alice'), await started('bob')];
    const related = (taskId: string) => ({
      name: 'echo',
      _meta: { 'io.modelcontextprotocol/related-task': { taskId } },
    });
    world.upstream.seen.length = 0;
    for (const taskId of [hers, TASK]) {
      expect(await outcome(await legacy('bob', 'tools/call', related(taskId)))).toEqual({ status: 200, body: UNKNOWN });
    }
    expect(world.upstream.seen).toEqual([]);
    await (await legacy('bob', 'tools/call', related(his))).text();
    expect(lastSeen().params._meta['io.modelcontextprotocol/related-task']).toEqual({ taskId: TASK });
  });

  test('is listed in a session, to whoever may use everything: no server can tell whose tasks are nobody’s', async () => {
    const taskId = await started('alice');
    const initialized = await legacy('alice', 'initialize', {});
    const session = { 'mcp-session-id': initialized.headers.get('mcp-session-id') ?? '' };
    const result = await answered(legacy('alice', 'tasks/list', {}, session));
    expect(result.tasks).toMatchObject([{ taskId }]);
    world.upstream.seen.length = 0;
    const unlisted = [
      await legacy('alice', 'tasks/list', {}),
      await legacy('bob', 'tasks/list', {}),
      await modern('alice', 'tasks/list', {}),
    ];
    for (const reply of unlisted)
      expect(await outcome(reply)).toMatchObject({ status: 404, body: { error: { code: -32601 } } });
    expect(world.upstream.seen).toEqual([]);
    expect(aws().audit.records.at(-1)).toMatchObject({ code: 'method_not_found' });
  });
});

test('a long list that comes again in the same bytes names to each caller his own', async () => {
  await world.mesh.apply((tables) => ({
    ...tables, // the same rules for both, so that the list is known
    grants: tables.grants.map((row) => ({ ...row, everything: true, tools: [] })),
  }));
  const tools = [{ name: 'echo', description: 'x'.repeat(20_000) }];
  world.upstream.script = (_seen, response) =>
    answerJson(response, { jsonrpc: '2.0', id: 1, result: { tools, taskId: TASK } });
  const list = async (user: string) => (await answered(legacy(user, 'tools/list', {}))).taskId;
  const [hers, his] = [await list('alice'), await list('bob')];
  expect(his).not.toBe(hers);
  expect([await list('alice'), await list('bob')]).toEqual([hers, his]);
  expect((await answered(legacy('bob', 'tasks/get', { taskId: his }))).taskId).toBe(his);
});

test('the words of a task inside content are nobody’s handles', async () => {
  const result = {
    content: [{ type: 'text', text: '"taskId"', taskId: TASK }],
    structuredContent: { taskId: TASK, requestState: 's' },
  };
  world.upstream.script = (_seen, response) => answerJson(response, { jsonrpc: '2.0', id: 1, result });
  expect(await answered(legacy('bob', 'tools/call', { name: 'echo' }))).toEqual(result);
});
