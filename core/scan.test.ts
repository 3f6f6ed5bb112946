import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Scanned, scan, type Unscannable } from './scan.ts';
import { spliceTraceparent } from './splice-traceparent.ts';

const scanText = (text: string): Scanned | Unscannable => scan(Buffer.from(text));
const call = (params: object, rest: object = {}): string =>
  JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params, ...rest });

function accepted(text: string): Scanned {
  const scanned = scanText(text);
  if ('fault' in scanned) throw new Error(`refused: ${scanned.fault} ${scanned.expected ?? scanned.name}`);
  return scanned;
}

test.each<[string, string, Partial<Scanned>]>([
  [
    'a call',
    call({ name: 'echo', arguments: {} }),
    { kind: 'request', id: 1, idBytes: '1', method: 'tools/call', target: 'echo' },
  ],
  [
    'members in any order',
    '{"params":{"name":"x"},"method":"prompts/get","id":"a","jsonrpc":"2.0"}',
    { id: 'a', idBytes: '"a"', target: 'x' },
  ],
  [
    'an id beyond 2^53',
    '{"jsonrpc":"2.0","id":12345678901234567890,"method":"ping"}',
    { idBytes: '12345678901234567890' },
  ],
  ['an escaped id', '{"jsonrpc":"2.0","id":"\\u0061","method":"ping"}', { id: 'a', idBytes: '"\\u0061"' }],
  ['an id of 1.0', '{"jsonrpc":"2.0","id":1.0,"method":"ping"}', { id: 1, idBytes: '1.0' }],
  ['a notification', '{"jsonrpc":"2.0","method":"notifications/initialized"}', { kind: 'notification', id: undefined }],
  ['a result', '{"jsonrpc":"2.0","id":7,"result":{}}', { kind: 'response', method: undefined, id: 7 }],
  ['an error', '{"jsonrpc":"2.0","id":7,"error":{"code":1,"message":""}}', { kind: 'response' }],
  ['a resource', call({ uri: 'docs://a' }, { method: 'resources/read' }), { target: 'docs://a' }],
  ['a subscription', call({ uri: 'docs://a' }, { method: 'resources/unsubscribe' }), { target: 'docs://a' }],
  ['a task', call({ taskId: 't' }, { method: 'tasks/cancel' }), { target: 't' }],
  [
    'a prompt to complete',
    call({ ref: { type: 'ref/prompt', name: 'p' } }, { method: 'completion/complete' }),
    { ref: 'prompt', target: 'p' },
  ],
  [
    'a template to complete',
    call({ ref: { type: 'ref/resource', uri: 'a://{b}', name: 'n' } }, { method: 'completion/complete' }),
    { ref: 'resource', target: 'a://{b}' },
  ],
  [
    'no ref to complete',
    call({ ref: { type: 'x', name: 'p' } }, { method: 'completion/complete' }),
    { ref: undefined, target: undefined },
  ],
  [
    'what to listen to',
    call(
      { notifications: { toolsListChanged: true, resourceSubscriptions: ['a://b'] } },
      { method: 'subscriptions/listen' },
    ),
    { listens: { uris: ['a://b'], tasks: [] } },
  ],
  [
    'tasks to listen to',
    call({ notifications: { taskIds: ['t'] } }, { method: 'subscriptions/listen' }),
    { handles: [expect.objectContaining({ kind: 'task', value: 't', needed: true })] },
  ],
  [
    'no text to listen to',
    call({ notifications: { resourceSubscriptions: [1] } }, { method: 'subscriptions/listen' }),
    { listens: undefined },
  ],
  ['a call of nothing', call({ arguments: {} }), { target: undefined }],
  ['a call of a number', call({ name: 5 }), { target: undefined }],
  ['a name where none belongs', call({ name: 'x' }, { method: 'x/y' }), { target: undefined }],
  ['no params', '{"jsonrpc":"2.0","id":1,"method":"ping"}', { params: undefined, meta: undefined }],
  ['params null', '{"jsonrpc":"2.0","id":1,"method":"ping","params":null}', { params: undefined }],
  ['_meta null', call({ name: 'x', _meta: null }), { meta: undefined }],
  [
    'an escaped method',
    '{"jsonrpc":"2.0","id":1,"method":"tools\\/c\\u0061ll","params":{"n\\u0061me":"x"}}',
    { method: 'tools/call', target: 'x' },
  ],
  ['Unicode', call({ name: 'größe 🧭' }), { target: 'größe 🧭' }],
])('%s', (_, text, expected) => {
  expect(accepted(text)).toMatchObject(expected);
});

test.each<[string, string, string, string | undefined]>([
  ['nothing', '', 'parse_error', undefined],
  ['half', '{"jsonrpc":"2.0","id":1,', 'parse_error', '1'],
  ['two messages', '{"jsonrpc":"2.0","id":1,"method":"a"}{}', 'parse_error', '1'],
  ['a duplicate, and the id after it', '{"method":"a","method":"b","id":"x","jsonrpc":"2.0"}', 'duplicate_key', '"x"'],
  ['a duplicate id', '{"id":1,"id":2}', 'duplicate_key', undefined],
  [
    'a duplicate deep down',
    call({ name: 'a', arguments: { x: { y: 1 } } }).replace('"y":1', '"y":1,"\\u0079":2'),
    'duplicate_key',
    '1',
  ],
  ['too deep', `{"id":1,"params":${'['.repeat(64)}`, 'too_complex', '1'],
  ['a batch', '[{"jsonrpc":"2.0","id":1,"method":"ping"}]', 'batch_refused', undefined],
  ['an empty batch', '[]', 'batch_refused', undefined],
  ['a batch, torn', ' [', 'batch_refused', undefined],
  ['a string', '"x"', 'invalid_request', undefined],
  ['null', 'null', 'invalid_request', undefined],
  ['an empty object', '{}', 'invalid_request', undefined],
  ['version 1.0', '{"jsonrpc":"1.0","id":1,"method":"a"}', 'invalid_request', '1'],
  ['version 2', '{"jsonrpc":2.0,"id":1,"method":"a"}', 'invalid_request', '1'],
  ['id null', '{"jsonrpc":"2.0","id":null,"method":"a"}', 'invalid_request', undefined],
  ['id 1.5', '{"jsonrpc":"2.0","id":1.5,"method":"a"}', 'invalid_request', undefined],
  ['id 1e999', '{"jsonrpc":"2.0","id":1e999,"method":"a"}', 'invalid_request', undefined],
  ['id an object', '{"jsonrpc":"2.0","id":{},"method":"a"}', 'invalid_request', undefined],
  ['method a number', '{"jsonrpc":"2.0","id":1,"method":1}', 'invalid_request', '1'],
  ['params an array', '{"jsonrpc":"2.0","id":1,"method":"a","params":[]}', 'invalid_request', '1'],
  ['_meta a string', call({ _meta: 'x' }), 'invalid_request', '1'],
  ['method and result', '{"jsonrpc":"2.0","id":1,"method":"a","result":{}}', 'invalid_request', '1'],
  ['result and error', '{"jsonrpc":"2.0","id":1,"result":{},"error":{}}', 'invalid_request', '1'],
  ['a result without id', '{"jsonrpc":"2.0","result":{}}', 'invalid_request', undefined],
  ['an error that is none', '{"jsonrpc":"2.0","id":1,"error":"x"}', 'invalid_request', '1'],
  ['Method beside method', '{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call"}', 'invalid_request', '1'],
  ['a long s in params', '{"jsonrpc":"2.0","id":1,"method":"ping","param\\u017f":{}}', 'invalid_request', '1'],
  ['Name beside name', call({ name: 'a', Name: 'b' }), 'invalid_request', '1'],
  ['_META beside _meta', call({ name: 'a', _META: {} }), 'invalid_request', '1'],
])('%s is refused', (_, text, fault, idBytes) => {
  expect(scanText(text)).toMatchObject({ fault, idBytes });
});

test('a key in other case is nobody else’s business', () => {
  expect(accepted(call({ Name: 'b' }, { method: 'x/y' })).method).toBe('x/y');
  expect(accepted(call({ name: 'a', arguments: { Name: 'b', NAME: 'c' } })).target).toBe('a');
});

test('a ref in other case names nothing', () => {
  const ref = { type: 'ref/prompt', name: 'p', Name: 'q' };
  expect(accepted(call({ ref }, { method: 'completion/complete' }))).toMatchObject({
    ref: undefined,
    target: undefined,
  });
});

const META = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
};

test('_meta is read, with ranges', () => {
  const text = call({ name: 'ü', _meta: META });
  const { meta } = accepted(text);
  expect(meta).toMatchObject({ empty: false, protocolVersion: '2026-07-28', clientCapabilities: { tasks: false } });
  const bytes = Buffer.from(text);
  expect(bytes.toString('utf8', meta?.start, meta?.end)).toBe(JSON.stringify(META));
  expect(bytes.toString('utf8', meta?.traceparent?.start, meta?.traceparent?.end)).toBe(
    JSON.stringify(META.traceparent),
  );
  expect(meta?.traceparent?.value).toBe(META.traceparent);
});

test.each([
  ['a version that is no string', { 'io.modelcontextprotocol/protocolVersion': 1 }, { protocolVersion: null }],
  [
    'capabilities that are no object',
    { 'io.modelcontextprotocol/clientCapabilities': true },
    { clientCapabilities: undefined },
  ],
  ['a traceparent that is no string', { traceparent: 1 }, { traceparent: { value: undefined } }],
  ['an empty one', {}, { empty: true, protocolVersion: undefined }],
])('_meta with %s', (_, meta, expected) => {
  expect(accepted(call({ _meta: meta })).meta).toMatchObject(expected);
});

const OURS = '00-11111111111111111111111111111111-2222222222222222-01';
const spliced = (text: string): string => spliceTraceparent(Buffer.from(text), accepted(text), OURS).toString();

test.each([
  ['replaced', '{"traceparent":"x","k":1}', `{"traceparent":"${OURS}","k":1}`],
  ['replaced, with blanks', '{ "traceparent" : 12 }', `{ "traceparent" : "${OURS}" }`],
  ['replaced, under an escaped key', '{"trace\\u0070arent":null}', `{"trace\\u0070arent":"${OURS}"}`],
  ['put in', '{"k":1}', `{"traceparent":"${OURS}","k":1}`],
  ['put into an empty one', '{ }', `{"traceparent":"${OURS}" }`],
])('our traceparent is %s', (_, meta, expected) => {
  const around = (inner: string): string => `{"jsonrpc":"2.0","id":1,"method":"ü","params":{"_meta":${inner},"x":"é"}}`;
  expect(spliced(around(meta))).toBe(around(expected));
});

test('without a _meta the body is the very same bytes', () => {
  const body = Buffer.from(call({ name: 'x' }));
  expect(spliceTraceparent(body, scan(body) as Scanned, OURS)).toBe(body);
});

const json = fc.jsonValue({ maxDepth: 4 });
const messages = fc
  .record(
    {
      jsonrpc: fc.constantFrom('2.0', '1.0'),
      id: fc.oneof(fc.string(), fc.integer(), json),
      method: fc.oneof(fc.constantFrom('tools/call', 'resources/read', 'completion/complete', 'x'), json),
      params: fc.oneof(
        fc.record(
          { name: fc.oneof(fc.string(), json), uri: json, _meta: json, ref: json, arguments: json },
          { requiredKeys: [] },
        ),
        json,
      ),
      result: json,
      error: json,
    },
    { requiredKeys: [] },
  )
  .map((message) => JSON.stringify(message));

test('what it finds is what JSON.parse finds', () => {
  fc.assert(
    fc.property(messages, (text) => {
      const scanned = scanText(text);
      const parsed = JSON.parse(text);
      if ('fault' in scanned) return;
      expect(parsed.jsonrpc).toBe('2.0');
      expect(scanned.method).toBe(parsed.method);
      expect(scanned.id).toEqual(parsed.id);
      if (scanned.idBytes !== undefined) expect(JSON.parse(scanned.idBytes)).toEqual(parsed.id);
      if (scanned.method === 'tools/call' && typeof parsed.params?.name === 'string')
        expect(scanned.target).toBe(parsed.params.name);
      const { params } = scanned;
      if (params)
        expect(JSON.parse(Buffer.from(text).toString('utf8', params.start, params.end))).toEqual(parsed.params);
    }),
    { numRuns: 10_000 },
  );
});

test('a splice changes the traceparent and nothing else', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.dictionary(fc.string(), fc.jsonValue()),
      (meta, args) => {
        const text = call({ _meta: meta, name: 'x', arguments: args });
        const scanned = scanText(text);
        if ('fault' in scanned) return;
        const expected = JSON.parse(text);
        expected.params._meta.traceparent = OURS;
        expect(JSON.parse(spliced(text))).toEqual(expected);
      },
    ),
    { numRuns: 3_000 },
  );
});

test('no bytes make it throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void scan(Buffer.from(bytes))),
    { numRuns: 5_000 },
  );
});

const handles = (text: string) =>
  accepted(text).handles?.map(({ kind, value, needed, start, end }) => [
    kind,
    value,
    needed,
    Buffer.from(text).toString('utf8', start, end),
  ]);
const meta = (task: unknown) => ({ _meta: { 'io.modelcontextprotocol/related-task': task } });

test.each<[string, string, unknown[][] | undefined]>([
  [
    'a call has none',
    call({ name: 'x', arguments: { taskId: 't', requestState: 's', ...meta({ taskId: 't' }) } }),
    undefined,
  ],
  [
    'a task that is asked about',
    call({ taskId: 't\u00e9' }, { method: 'tasks/get' }),
    [['task', 't\u00e9', true, '"t\u00e9"']],
  ],
  [
    'a notification about it',
    call({ taskId: 't' }, { method: 'tasks/cancel', id: undefined }),
    [['task', 't', true, '"t"']],
  ],
  [
    "perhaps a task of the client's own",
    call({ taskId: 't' }, { method: 'notifications/tasks/status', id: undefined }),
    [['task', 't', false, '"t"']],
  ],
  ['a state', call({ name: 'x', requestState: 's' }), [['state', 's', true, '"s"']]],
  ['no text for a state', call({ name: 'x', requestState: { a: 1 } }), [['state', undefined, true, '{"a":1}']]],
  ['null for no state', call({ name: 'x', requestState: null }), undefined],
  [
    'tasks to listen to',
    call({ notifications: { taskIds: ['a', 'b'] } }, { method: 'subscriptions/listen' }),
    [
      ['task', 'a', true, '"a"'],
      ['task', 'b', true, '"b"'],
    ],
  ],
  ['a call that belongs to a task', call({ name: 'x', ...meta({ taskId: 't' }) }), [['task', 't', true, '"t"']]],
  [
    'a notification that does',
    call(meta({ taskId: 't' }), { method: 'notifications/progress', id: undefined }),
    [['task', 't', false, '"t"']],
  ],
  [
    'a response that does',
    JSON.stringify({ jsonrpc: '2.0', id: 1, result: meta({ taskId: 't' }) }),
    [['task', 't', false, '"t"']],
  ],
  [
    'a related task that two readers read differently',
    call(meta({ taskId: 't', taskid: 'u' })),
    [['task', undefined, true, '{"taskId":"t","taskid":"u"}']],
  ],
  ['a related task without a name', call(meta({})), [['task', undefined, true, '{}']]],
])('handles: %s', (_what, text, expected) => {
  expect(handles(text)).toEqual(expected);
});

test('a state under a key that a lenient reader takes for it is refused', () => {
  expect(scanText(call({ name: 'x', requeststate: 's' }))).toMatchObject({ fault: 'invalid_request' });
});

test('tasks to listen to that are no texts cannot be read', () => {
  const text = call({ notifications: { taskIds: ['t', 1] } }, { method: 'subscriptions/listen' });
  expect(accepted(text)).toMatchObject({ listens: undefined, handles: undefined });
});

test('other texts are put in beside our span, wherever they stand', () => {
  const trace = '00-11111111111111111111111111111111-2222222222222222-01';
  for (const params of [
    { taskId: 'a', _meta: { x: 1 } },
    { _meta: { traceparent: 'old' }, taskId: 'a' },
    { taskId: 'a' },
    { _meta: { 'io.modelcontextprotocol/related-task': { taskId: 'a' }, traceparent: 'old' }, taskId: 'a' },
  ]) {
    const text = call(params, { method: 'tasks/get' });
    const scanned = accepted(text);
    const cuts = (scanned.handles ?? []).map(({ start, end }) => ({ start, end, text: '"é and more"' }));
    const spliced = JSON.parse(spliceTraceparent(Buffer.from(text), scanned, trace, cuts).toString());
    const expected = JSON.parse(text.replaceAll('"a"', '"é and more"'));
    if ('_meta' in params) expected.params._meta.traceparent = trace;
    expect(spliced).toEqual(expected);
  }
});
