import { expect, test } from 'vitest';
import { acknowledgedKinds, changedKinds, declaredKinds, listChangedNotices, requestedKinds } from './list-changed.ts';

const bytes = (message: unknown): Buffer => Buffer.from(JSON.stringify(message));
const methods = (kinds: number): readonly string[] =>
  listChangedNotices(kinds).map((notice) => JSON.parse(notice.toString()).method);

test.each([
  ['all three', { tools: { listChanged: true }, prompts: { listChanged: true }, resources: { listChanged: true } }, 7],
  ['one', { tools: {}, resources: { listChanged: true, subscribe: true } }, 4],
  ['none', { tools: { listChanged: false }, prompts: { listChanged: 'true' }, resources: true }, 0],
  ['nothing', undefined, 0],
])('an InitializeResult declares %s', (_, capabilities, kinds) => {
  expect(declaredKinds(bytes({ jsonrpc: '2.0', id: 1, result: { capabilities } }))).toBe(kinds);
});

test.each(['', '[]', 'null', '{"result":null}', '{"__proto__":{"result":1}}', '{"error":{"code":1}}'])(
  'nothing is declared, asked for or granted by %j',
  (text) => {
    expect(declaredKinds(Buffer.from(text))).toBe(0);
    expect(requestedKinds(Buffer.from(text))).toBe(0);
    expect(acknowledgedKinds(Buffer.from(text))).toBeUndefined();
  },
);

test('what is asked for, and what is granted', () => {
  const notifications = { toolsListChanged: true, promptsListChanged: false, resourceSubscriptions: ['a://b'] };
  expect(requestedKinds(bytes({ id: 1, method: 'subscriptions/listen', params: { notifications } }))).toBe(1);
  const method = 'notifications/subscriptions/acknowledged';
  expect(acknowledgedKinds(bytes({ method, params: { notifications } }))).toBe(1);
  expect(acknowledgedKinds(bytes({ method }))).toBe(0);
});

test('notices of the kinds that differ, and of no other', () => {
  const view = { tools: 'a', prompts: 'b', resources: 'c', key: 'k' };
  expect(methods(changedKinds(view, { ...view }))).toEqual([]);
  expect(methods(changedKinds(view, { ...view, prompts: '', resources: 'd', key: 'l' }))).toEqual([
    'notifications/prompts/list_changed',
    'notifications/resources/list_changed',
  ]);
});

test('on a listening stream a notice says whose it is', () => {
  expect(JSON.parse(String(listChangedNotices(1, '"a\\u0062"')[0]))).toEqual({
    jsonrpc: '2.0',
    method: 'notifications/tools/list_changed',
    params: { _meta: { 'io.modelcontextprotocol/subscriptionId': 'ab' } },
  });
});
