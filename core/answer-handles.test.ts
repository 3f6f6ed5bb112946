import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileGrants } from './grants.ts';
import { filterAnswer } from './lists.ts';

const GRANTS = compileGrants([]);

function replaced(message: unknown): unknown {
  const json = Buffer.from(typeof message === 'string' ? message : JSON.stringify(message));
  const filtered = filterAnswer(json, GRANTS, 's', (kind, handle) => `${kind}<${handle}>`);
  if (filtered.kind === 'unreadable') return 'unreadable';
  return JSON.parse((filtered.kind === 'filtered' ? filtered.bytes : json).toString());
}
const result = (members: object) => ({ jsonrpc: '2.0', id: 1, result: members });
const notification = (method: string, params: object) => ({ jsonrpc: '2.0', method, params });
const related = (taskId: unknown) => ({ 'io.modelcontextprotocol/related-task': { taskId }, other: { taskId: 't' } });

describe('the handles of a message are replaced', () => {
  test.each<[string, object, object]>([
    [
      'a task (SEP-2663)',
      result({ resultType: 'task', taskId: 't', status: 'working' }),
      result({ resultType: 'task', taskId: 'task<t>', status: 'working' }),
    ],
    [
      'a created task (2025-11-25)',
      result({ task: { taskId: 't', ttl: 1 } }),
      result({ task: { taskId: 'task<t>', ttl: 1 } }),
    ],
    [
      'a list of tasks',
      result({ tasks: [{ taskId: 't' }, {}, 1, { taskId: 'u' }] }),
      result({ tasks: [{ taskId: 'task<t>' }, {}, 1, { taskId: 'task<u>' }] }),
    ],
    [
      "a task's result",
      result({ content: [], _meta: related('t') }),
      result({ content: [], _meta: related('task<t>') }),
    ],
    [
      'a request for input',
      result({ resultType: 'input_required', requestState: 's', inputRequests: { requestState: { method: 'm' } } }),
      result({
        resultType: 'input_required',
        requestState: 'state<s>',
        inputRequests: { requestState: { method: 'm' } },
      }),
    ],
    [
      'what became of a task',
      notification('notifications/tasks', { taskId: 't', _meta: related('u') }),
      notification('notifications/tasks', { taskId: 'task<t>', _meta: related('task<u>') }),
    ],
    [
      'the status of a task',
      notification('notifications/tasks/status', { taskId: 't' }),
      notification('notifications/tasks/status', { taskId: 'task<t>' }),
    ],
    [
      'what is listened to',
      notification('notifications/subscriptions/acknowledged', { notifications: { taskIds: ['t', 1, 'u'] } }),
      notification('notifications/subscriptions/acknowledged', {
        notifications: { taskIds: ['task<t>', 1, 'task<u>'] },
      }),
    ],
    [
      'a request that belongs to a task',
      { id: 1, ...notification('elicitation/create', { _meta: related('t') }) },
      { id: 1, ...notification('elicitation/create', { _meta: related('task<t>') }) },
    ],
  ])('%s', (_what, before, after) => {
    expect(replaced(before)).toEqual(after);
    // whatever the order of the members
    expect(replaced(Object.fromEntries(Object.entries(before).reverse()))).toEqual(after);
  });

  test('beside a list that is filtered, in one pass', () => {
    const grants = compileGrants([
      {
        id: 'g',
        effect: 'allow',
        principal: { kind: 'user', name: 'a' },
        server: 's',
        everything: false,
        tools: ['a'],
        prompts: [],
        resources: [],
      },
    ]);
    const json = '{"result":{"taskId":"t","tools":[{"name":"a"},{"name":"b"}],"ttlMs":99999999,"requestState":"s"}}';
    const filtered = filterAnswer(Buffer.from(json), grants, 's', (kind) => kind);
    expect(filtered.kind === 'filtered' && filtered.bytes.toString()).toBe(
      '{"result":{"taskId":"task","tools":[{"name":"a"}],"ttlMs":60000,"requestState":"state"}}',
    );
  });
});

describe('everything else stays as it is', () => {
  test.each<[string, object]>([
    ['content', result({ content: [{ type: 'text', text: '', taskId: 't', requestState: 's', _meta: related('t') }] })],
    [
      'structured content',
      result({
        structuredContent: { taskId: 't', requestState: 's', task: { taskId: 't' }, tasks: [{ taskId: 't' }] },
      }),
    ],
    ['what a finished task came to', result({ result: { taskId: 't', requestState: 's', _meta: related('t') } })],
    [
      'what is no text',
      result({ taskId: 1, requestState: null, task: 't', tasks: { taskId: 't' }, _meta: [related('t')] }),
    ],
    [
      'parameters of other notifications',
      notification('notifications/message', { taskId: 't', requestState: 's', notifications: { taskIds: ['t'] } }),
    ],
    ["the client's own task", { id: 1, ...notification('tasks/get', { taskId: 't' }) }],
    ['an error', { id: 1, error: { code: 1, message: '', data: { taskId: 't', requestState: 's' } } }],
    ['members of the message', { id: 1, taskId: 't', requestState: 's', result: {} }],
  ])('%s', (_what, message) => {
    const asBefore = JSON.parse(JSON.stringify(message));
    expect(replaced(message)).toEqual(asBefore);
  });

  test('any JSON in content, byte for byte', () => {
    const words = fc.constantFrom('taskId', 'requestState', 'task', 'tasks', '_meta', 'taskIds', 'x');
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof({ maxDepth: 4 }, fc.string(), fc.array(tie('tree')), fc.dictionary(words, tie('tree'))),
    }));
    fc.assert(
      fc.property(tree, (content) => {
        const json = JSON.stringify(
          { id: 1, result: { content, structuredContent: content, requestState: 's' } },
          null,
          1,
        );
        const filtered = filterAnswer(Buffer.from(json), GRANTS, 's', () => 'S');
        const at = json.lastIndexOf('"s"');
        const expected = `${json.slice(0, at)}"S"${json.slice(at + 3)}`;
        expect(filtered.kind === 'filtered' && filtered.bytes.toString()).toBe(expected);
      }),
      { numRuns: 2_000 },
    );
  });
});

test('two of one name are both replaced: no reader finds the one that was not', () => {
  const json = '{"result":{"taskId":"t","taskId":"u"}}';
  const filtered = filterAnswer(Buffer.from(json), GRANTS, 's', (_kind, handle) => `<${handle}>`);
  expect(filtered.kind === 'filtered' && filtered.bytes.toString()).toBe('{"result":{"taskId":"<t>","taskId":"<u>"}}');
});

test('without a replacement nothing is looked for', () => {
  expect(filterAnswer(Buffer.from('{"result":{"taskId":"t"}}'), GRANTS, 's')).toEqual({ kind: 'unchanged' });
});
