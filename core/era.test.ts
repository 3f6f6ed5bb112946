import fc from 'fast-check';
import { expect, test } from 'vitest';
import { classifyRequest, decodeHeaderValue, encodeHeaderValue, type Headers, isModernVersion } from './era.ts';
import { type Scanned, scan } from './scan.ts';

const VERSION = '2026-07-28';
const META = { 'io.modelcontextprotocol/protocolVersion': VERSION, 'io.modelcontextprotocol/clientCapabilities': {} };

function message(method: string, params?: object, rest: object = { id: 1 }): Scanned {
  const scanned = scan(Buffer.from(JSON.stringify({ jsonrpc: '2.0', method, params, ...rest })));
  if ('fault' in scanned) throw new Error(scanned.fault);
  return scanned;
}
const modern = (method: string, params: object = {}): Scanned => message(method, { ...params, _meta: META });
const headers = (method: string, rest: Headers = {}): Headers => ({
  'mcp-protocol-version': VERSION,
  'mcp-method': method,
  ...rest,
});
const call = modern('tools/call', { name: 'echo' });

test.each<[string, Scanned, Headers, string]>([
  ['a call', call, headers('tools/call', { 'mcp-name': 'echo' }), 'modern'],
  ['with blanks around', call, headers(' tools/call\t', { 'mcp-name': '\t echo ' }), 'modern'],
  ['a name in base64', call, headers('tools/call', { 'mcp-name': '=?base64?ZWNobw==?=' }), 'modern'],
  [
    'a name beyond ASCII',
    modern('tools/call', { name: 'größe' }),
    headers('tools/call', { 'mcp-name': '=?base64?Z3LDtsOfZQ==?=' }),
    'modern',
  ],
  ['a list, without a name', modern('tools/list'), headers('tools/list'), 'modern'],
  ['a list, with one', modern('tools/list'), headers('tools/list', { 'mcp-name': 'x' }), 'modern'],
  ['a task without a name', modern('tasks/get', { taskId: 't' }), headers('tasks/get'), 'modern'],
  ['a session id is nothing to it', modern('ping'), headers('ping', { 'mcp-session-id': 'x' }), 'modern'],
  ['an unknown Mcp-Param', call, headers('tools/call', { 'mcp-name': 'echo', 'mcp-param-region': 'x' }), 'modern'],
  ['a notification without headers', message('notifications/x', { _meta: META }, {}), {}, 'modern'],
  ['a notification without _meta', message('notifications/x', undefined, {}), headers('notifications/x'), 'modern'],
  ['initialize', message('initialize', { protocolVersion: '2025-11-25' }), {}, 'legacy'],
  ['an older version', message('tools/call', { name: 'a' }), { 'mcp-protocol-version': '2025-11-25' }, 'legacy'],
  ['no version', message('tools/call', { name: 'a' }), {}, 'legacy'],
  ['nonsense for a version', message('ping'), { 'mcp-protocol-version': 'latest' }, 'legacy'],
  [
    'Mcp-* that lie about a legacy call',
    message('tools/call', { name: 'a' }),
    { 'mcp-method': 'tools/list', 'mcp-name': 'b' },
    'legacy',
  ],
  ['a legacy call with other _meta', message('tools/call', { name: 'a', _meta: { progressToken: 1 } }), {}, 'legacy'],
])('%s', (_, scanned, sent, era) => {
  expect(classifyRequest(scanned, sent)).toEqual({ era });
});

const withMeta = (meta: object): Scanned => message('ping', { _meta: meta });
const version = (value: unknown): object => ({ ...META, 'io.modelcontextprotocol/protocolVersion': value });

test.each<[string, Scanned, Headers, string]>([
  ['no version header', call, { 'mcp-method': 'tools/call', 'mcp-name': 'echo' }, 'header_mismatch'],
  [
    'another version in the header',
    call,
    headers('tools/call', { 'mcp-name': 'echo', 'mcp-protocol-version': '2025-11-25' }),
    'header_mismatch',
  ],
  ['no Mcp-Method', call, { 'mcp-protocol-version': VERSION, 'mcp-name': 'echo' }, 'header_mismatch'],
  ['another method', call, headers('tools/list', { 'mcp-name': 'echo' }), 'header_mismatch'],
  ['the method in other case', call, headers('Tools/Call', { 'mcp-name': 'echo' }), 'header_mismatch'],
  ['two methods', call, headers('tools/call, tools/list', { 'mcp-name': 'echo' }), 'header_mismatch'],
  ['no Mcp-Name', call, headers('tools/call'), 'header_mismatch'],
  ['another name', call, headers('tools/call', { 'mcp-name': 'drop' }), 'header_mismatch'],
  ['the name in other case', call, headers('tools/call', { 'mcp-name': 'Echo' }), 'header_mismatch'],
  ['no-break space is no blank', call, headers('tools/call', { 'mcp-name': 'echo\u00a0' }), 'header_mismatch'],
  ['bad padding', call, headers('tools/call', { 'mcp-name': '=?base64?ZWNobw?=' }), 'header_mismatch'],
  ['bits left over', call, headers('tools/call', { 'mcp-name': '=?base64?ZWNobx==?=' }), 'header_mismatch'],
  ['a bad alphabet', call, headers('tools/call', { 'mcp-name': '=?base64?ZWNo_w==?=' }), 'header_mismatch'],
  ['a marker in other case', call, headers('tools/call', { 'mcp-name': '=?BASE64?ZWNobw==?=' }), 'header_mismatch'],
  [
    'a name for a call of nothing',
    modern('tools/call'),
    headers('tools/call', { 'mcp-name': 'echo' }),
    'header_mismatch',
  ],
  [
    'a resource',
    modern('resources/read', { uri: 'a://b' }),
    headers('resources/read', { 'mcp-name': 'a://c' }),
    'header_mismatch',
  ],
  ['another task', modern('tasks/get', { taskId: 't' }), headers('tasks/get', { 'mcp-name': 'u' }), 'header_mismatch'],
  [
    'a notification that lies',
    message('notifications/x', { _meta: META }, {}),
    headers('notifications/y'),
    'header_mismatch',
  ],
  [
    'no capabilities',
    withMeta({ 'io.modelcontextprotocol/protocolVersion': VERSION }),
    headers('ping'),
    'invalid_params',
  ],
  ['a modern header without _meta', message('ping'), headers('ping'), 'invalid_params'],
  ['a version that is no string', withMeta(version(1)), headers('ping'), 'invalid_params'],
  ['nonsense in _meta, a version in the header', withMeta(version('latest')), headers('ping'), 'header_mismatch'],
  [
    'an older version in _meta',
    withMeta(version('2025-11-25')),
    headers('ping', { 'mcp-protocol-version': '2025-11-25' }),
    'protocol_version',
  ],
  [
    'nonsense in _meta',
    withMeta(version('latest')),
    headers('ping', { 'mcp-protocol-version': 'latest' }),
    'protocol_version',
  ],
])('%s: refused', (_, scanned, sent, fault) => {
  expect(classifyRequest(scanned, sent)).toMatchObject({ fault });
});

test('a response in modern dress is refused', () => {
  const response = scan(Buffer.from('{"jsonrpc":"2.0","id":1,"result":{}}')) as Scanned;
  expect(classifyRequest(response, {})).toEqual({ era: 'legacy' });
  expect(classifyRequest(response, { 'mcp-protocol-version': VERSION })).toMatchObject({ fault: 'invalid_request' });
});

test('a version of the future passes: the server answers for the versions that it has', () => {
  const future = message('ping', { _meta: version('2030-01-01') });
  expect(classifyRequest(future, headers('ping', { 'mcp-protocol-version': '2030-01-01' }))).toEqual({ era: 'modern' });
});

test.each([
  ['2026-07-28', true],
  ['2026-07-27', false],
  ['2025-11-25', false],
  ['2027-01-01', true],
  ['2026-7-28', false],
  ['2026-07-28 ', false],
  ['DRAFT-2027', false],
  ['9999-99-999', false],
])('%s is modern: %s', (text, expected) => {
  expect(isModernVersion(text)).toBe(expected);
});

test('every text survives the sentinel', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      expect(decodeHeaderValue(`=?base64?${Buffer.from(text).toString('base64')}?=`)).toBe(text);
    }),
  );
});

test('no headers make it throw', () => {
  const sent = fc.record(
    {
      'mcp-protocol-version': fc.oneof(fc.string(), fc.constant(VERSION), fc.array(fc.string())),
      'mcp-method': fc.oneof(fc.string(), fc.constant('tools/call')),
      'mcp-name': fc.oneof(
        fc.string(),
        fc.base64String().map((text) => `=?base64?${text}?=`),
      ),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(sent, (hostile) => void classifyRequest(call, hostile)),
    { numRuns: 5_000 },
  );
});

test('a header of blanks costs nothing', () => {
  const start = process.cpuUsage();
  classifyRequest(call, headers('tools/call', { 'mcp-name': `a${' '.repeat(60_000)}b` }));
  expect(process.cpuUsage(start).user / 1_000).toBeLessThan(200);
});

test('any text crosses in a header and comes out the same; plain ones as they are', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      const value = encodeHeaderValue(text);
      expect(value).toMatch(/^[\x20-\x7e\t]*$/);
      expect(decodeHeaderValue(value)).toBe(text);
    }),
  );
  expect(encodeHeaderValue('task-1 of 2')).toBe('task-1 of 2');
  for (const odd of ['', ' t', 't\t', 'tâche', 'a\nb', '=?base64?x?=']) {
    expect(encodeHeaderValue(odd)).toMatch(/^=\?base64\?[\w+/=]*\?=$/);
    expect(decodeHeaderValue(encodeHeaderValue(odd))).toBe(odd);
  }
});
