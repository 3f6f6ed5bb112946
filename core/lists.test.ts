import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compileGrants } from './grants.ts';
import { filterAnswer } from './lists.ts';
import type { Grant } from './snapshot.ts';

const allow = (rest: Partial<Grant>): Grant => ({
  id: 'g',
  effect: 'allow',
  principal: { kind: 'user', name: 'bob' },
  server: 's',
  everything: false,
  tools: [],
  prompts: [],
  resources: [],
  ...rest,
});
const grants = compileGrants([allow({ tools: ['get_*'], prompts: ['daily'], resources: ['docs://*'] })]);

const filter = (text: string): string => {
  const filtered = filterAnswer(Buffer.from(text), grants, 's');
  return filtered.kind === 'filtered' ? filtered.bytes.toString() : filtered.kind;
};

test.each([
  [
    'in the middle',
    '{"result":{"tools":[{"name":"get_a"},{"name":"x"},{"name":"get_b"}]}}',
    '{"result":{"tools":[{"name":"get_a"},{"name":"get_b"}]}}',
  ],
  ['all of them', '{"result":{"tools":[{"name":"x"}],"nextCursor":"c"}}', '{"result":{"tools":[],"nextCursor":"c"}}'],
  [
    'and what stays, stays byte for byte',
    '{ "id" : 1, "result" : { "tools" : [ { "name":"get_\\u0061", "x" : 1.0, "é":12345678901234567890 } , {"name":"x"} ] , "b":[ ] } }',
    '{ "id" : 1, "result" : { "tools" : [{ "name":"get_\\u0061", "x" : 1.0, "é":12345678901234567890 }] , "b":[ ] } }',
  ],
  [
    'prompts',
    '{"result":{"prompts":[{"name":"daily"},{"name":"get_x"}]}}',
    '{"result":{"prompts":[{"name":"daily"}]}}',
  ],
  [
    'resources',
    '{"result":{"resources":[{"uri":"docs://a","name":"x"},{"uri":"ui://a","name":"get_a"}]}}',
    '{"result":{"resources":[{"uri":"docs://a","name":"x"}]}}',
  ],
  [
    'templates',
    '{"result":{"resourceTemplates":[{"uriTemplate":"docs://{id}"},{"uriTemplate":"{x}://docs"}]}}',
    '{"result":{"resourceTemplates":[{"uriTemplate":"docs://{id}"}]}}',
  ],
  [
    'two kinds in one',
    '{"result":{"tools":[{"name":"x"}],"prompts":[{"name":"y"}]}}',
    '{"result":{"tools":[],"prompts":[]}}',
  ],
  [
    'what has no name',
    '{"result":{"tools":[{"name":"get_a"},{},{"name":1},"get_b",null,[{"name":"get_c"}]]}}',
    '{"result":{"tools":[{"name":"get_a"}]}}',
  ],
  [
    'the second of one name, however it is spelled',
    '{"result":{"tools":[{"name":"get_a","v":1},{"name":"get_b"},{"name":"get_\\u0061","v":2},{"name":"get_c"}]}}',
    '{"result":{"tools":[{"name":"get_a","v":1},{"name":"get_b"},{"name":"get_c"}]}}',
  ],
  [
    'the second prompt of one name',
    '{"result":{"prompts":[{"name":"daily"},{"name":"daily"}]}}',
    '{"result":{"prompts":[{"name":"daily"}]}}',
  ],
  [
    'under an escaped key',
    '{"re\\u0073ult":{"t\\u006fols":[{"n\\u0061me":"x"}]}}',
    '{"re\\u0073ult":{"t\\u006fols":[]}}',
  ],
  [
    'from a public cache',
    '{"result":{"ttlMs":300000,"tools":[{"name":"get_a"}],"cacheScope":"public"}}',
    '{"result":{"ttlMs":60000,"tools":[{"name":"get_a"}],"cacheScope":"private"}}',
  ],
  [
    'from a cache with blanks',
    '{"result":{"tools":[{"name":"x"}], "ttlMs" : 1e9 }}',
    '{"result":{"tools":[], "ttlMs" : 60000 }}',
  ],
])('takes out %s', (_, before, after) => {
  expect(filter(before)).toBe(after);
});

test.each([
  ['a list that may be seen', '{"result":{"tools":[{"name":"get_a"}],"ttlMs":60000,"cacheScope":"private"}}'],
  ['an empty list', '{"result":{"tools":[]}}'],
  ['a resource that is listed twice', '{"result":{"resources":[{"uri":"docs://a"},{"uri":"docs://a","name":"b"}]}}'],
  [
    'a tool’s result',
    '{"result":{"content":[{"type":"text","text":"tools"}],"structuredContent":{"tools":[{"name":"x"}]}}}',
  ],
  ['a result that may be cached', '{"result":{"contents":[],"cacheScope":"public","ttlMs":999999}}'],
  ['capabilities', '{"result":{"capabilities":{"tools":{"listChanged":true}},"tools":{}}}'],
  ['an error', '{"id":1,"error":{"code":1,"data":{"tools":[{"name":"x"}]}}}'],
  ['a notification', '{"method":"notifications/x","params":{"tools":[{"name":"x"}]}}'],
  ['duplicate keys where nothing is decided', '{"result":{"tools":[{"name":"get_a","inputSchema":{"a":1,"a":2}}]}}'],
])('leaves %s alone', (_, text) => {
  expect(filter(text)).toBe('unchanged');
});

test.each([
  ['two results', '{"result":{},"result":{"tools":[{"name":"x"}]}}'],
  ['two lists of tools', '{"result":{"tools":[],"tools":[{"name":"x"}]}}'],
  ['two names', '{"result":{"tools":[{"name":"get_a","name":"x"}]}}'],
  ['two cursors', '{"result":{"tools":[],"nextCursor":"a","nextCursor":"b"}}'],
  ['a list in other case', '{"result":{"tools":[],"Tools":[{"name":"x"}]}}'],
  ['a result in other case', '{"Result":{"tools":[{"name":"x"}]}}'],
  ['a name in other case', '{"result":{"tools":[{"name":"get_a","NAME":"x"}]}}'],
  ['a batch', '[{"result":{"tools":[{"name":"x"}]}}]'],
  ['two messages', '{"id":1}{"result":{"tools":[{"name":"x"}]}}'],
  ['no JSON', '{"result":{"tools":[{"name":"x"}]}'],
  ['a comment', '{"result":/**/{"tools":[{"name":"x"}]}}'],
  ['nothing', ''],
])('%s: unreadable', (_, text) => {
  expect(filter(text)).toBe('unreadable');
});

test('what decides in a list alone decides nothing in another answer, whatever its spelling', () => {
  const other = Buffer.from('{"id":1,"result":{"content":[],"ttlms":1,"TtlMs":2,"nextcursor":"é"}}');
  expect(filterAnswer(other, grants, 's').kind).toBe('unchanged');
  const list = Buffer.from('{"id":1,"result":{"ttlms":1,"tools":[]}}');
  expect(filterAnswer(list, grants, 's').kind).toBe('unreadable');
});

test('a cache scope of other kind becomes private, a ttl of other kind stays', () => {
  expect(filter('{"result":{"tools":[],"cacheScope":null,"ttlMs":"9999999999"}}')).toBe(
    '{"result":{"tools":[],"cacheScope":"private","ttlMs":"9999999999"}}',
  );
});

test.each([
  ['a page that the filter empties', '{"result":{"tools":[{"name":"x"}],"nextCursor":"\\u0061 é"}}', '"\\u0061 é"'],
  ['one that was empty', '{"result":{"nextCursor":"c","resources":[]}}', '"c"'],
  ['a page with something in it', '{"result":{"tools":[{"name":"get_a"}],"nextCursor":"c"}}', undefined],
  [
    'one with something of another kind',
    '{"result":{"tools":[],"prompts":[{"name":"daily"}],"nextCursor":"c"}}',
    undefined,
  ],
  ['the last page', '{"result":{"tools":[{"name":"x"}]}}', undefined],
  ['a cursor that is none', '{"result":{"tools":[],"nextCursor":null}}', undefined],
  ['an empty cursor', '{"result":{"tools":[],"nextCursor":""}}', undefined],
  ['no list', '{"result":{"nextCursor":"c","tools":{}}}', undefined],
])('where a list goes on: %s', (_, text, onward) => {
  const bytes = Buffer.from(text);
  const filtered = filterAnswer(bytes, grants, 's');
  if (filtered.kind === 'unreadable') throw new Error('unreadable');
  const { onward: range } = filtered;
  expect(range && bytes.toString('utf8', range.start, range.end)).toBe(onward);
});

test('the filter is the predicate', () => {
  const element = fc.record({
    name: fc.constantFrom('get_a', 'get_b', 'x', 'y'),
    description: fc.string(),
    inputSchema: fc.jsonValue(),
  });
  fc.assert(
    fc.property(fc.array(element), fc.nat(4), (tools, indent) => {
      const bytes = Buffer.from(
        JSON.stringify({ jsonrpc: '2.0', id: 1, result: { tools, nextCursor: 'ü' } }, null, indent),
      );
      const filtered = filterAnswer(bytes, grants, 's');
      const out = JSON.parse(String(filtered.kind === 'filtered' ? filtered.bytes : bytes));
      const mine = tools.filter((tool) => grants.mayCall('s', tool.name));
      const shown = mine.filter((tool, i) => mine.findIndex(({ name }) => name === tool.name) === i);
      expect(filtered.kind).toBe(shown.length < tools.length ? 'filtered' : 'unchanged');
      expect(out).toEqual(
        JSON.parse(JSON.stringify({ jsonrpc: '2.0', id: 1, result: { tools: shown, nextCursor: 'ü' } })),
      );
    }),
    { numRuns: 2_000 },
  );
});

test('a list of 200 000 tools is no trouble', () => {
  const tools = Array.from({ length: 200_000 }, (_, i) => `{"name":"${i % 2 ? 'get' : 'set'}_${i}"}`);
  const filtered = filterAnswer(Buffer.from(`{"result":{"tools":[${tools}]}}`), grants, 's');
  expect(filtered.kind === 'filtered' && JSON.parse(filtered.bytes.toString()).result.tools).toHaveLength(100_000);
});

test('no bytes make it throw', () => {
  fc.assert(
    fc.property(fc.oneof(fc.json(), fc.string()), (text) => void filterAnswer(Buffer.from(text), grants, 's')),
    { numRuns: 3_000 },
  );
});
