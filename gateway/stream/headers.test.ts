import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isEncoded, readHead, requestHeaders, responseHeaders as responseHeadersFlat } from './headers.ts';

const paired = (flat: readonly string[]): Record<string, string> =>
  Object.fromEntries(flat.flatMap((name, i) => (i % 2 === 0 ? [[name, flat[i + 1] ?? '']] : [])));
const responseHeaders = (...args: Parameters<typeof responseHeadersFlat>) => paired(responseHeadersFlat(...args));

const TRACE = '00-11111111111111111111111111111111-2222222222222222-01';
const OURS = { 'accept-encoding': 'identity', traceparent: TRACE };
const nothing = { sessionId: undefined, lastEventId: undefined, mcpName: undefined, traceparent: TRACE } as const;
const modern = { era: 'modern', ...nothing } as const;
const legacy = { era: 'legacy', ...nothing } as const;
const request = (raw: readonly string[], out: Parameters<typeof requestHeaders>[1] = modern): Record<string, string> =>
  paired(requestHeaders(readHead(raw), out));

test('what a server needs to know goes upstream', () => {
  const raw = ['Accept', 'application/json', 'Content-Type', 'application/json', 'MCP-Protocol-Version', '2026-07-28'];
  const mcp = ['Mcp-Method', 'tools/call', 'Mcp-Name', 'echo', 'Mcp-Param-Region', 'eu', 'tracestate', 'a=b'];
  expect(request([...raw, ...mcp])).toEqual({
    accept: 'application/json',
    'content-type': 'application/json',
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': 'tools/call',
    'mcp-name': 'echo',
    'mcp-param-region': 'eu',
    tracestate: 'a=b',
    ...OURS,
  });
});

const FORBIDDEN = [
  'Authorization',
  'Proxy-Authorization',
  'Cookie',
  'Host',
  'Connection',
  'Keep-Alive',
  'TE',
  'Trailer',
  'Transfer-Encoding',
  'Upgrade',
  'Content-Length',
  'Content-Encoding',
  'Expect',
  'Forwarded',
  'Via',
  'X-Forwarded-For',
  'X-Forwarded-Host',
  'X-Real-IP',
  'Origin',
  'Referer',
  'portolan-hop',
  'PORTOLAN-CALLER',
  'x-tfy-mcp-headers',
  'traceparent',
  'baggage',
  'Accept-Encoding',
  'Mcp-Session-Id',
  'x-anything',
];

test('nothing else does, in whatever case and number', () => {
  const cases = fc.tuple(fc.constantFrom(...FORBIDDEN), fc.constantFrom('', 'upper', 'lower'), fc.string());
  const odd = (name: string, how: string): string =>
    how === 'upper' ? name.toUpperCase() : how === 'lower' ? name.toLowerCase() : name;
  fc.assert(
    fc.property(fc.array(cases), fc.constantFrom(modern, legacy), (sent, out) => {
      const raw = sent.flatMap(([name, how, value]) => [odd(name, how), value]);
      expect(request(raw, out)).toEqual(OURS);
    }),
  );
});

test('what Connection names stays on this hop', () => {
  const raw = [
    'Connection',
    'keep-alive, Mcp-Name',
    'connection',
    ' USER-AGENT ',
    'Mcp-Name',
    'x',
    'User-Agent',
    'y',
    'Accept',
    'z',
  ];
  expect(readHead(raw).hopByHop).toEqual(new Set(['mcp-name', 'user-agent']));
  expect(request(raw)).toEqual({ accept: 'z', ...OURS });
});

test('a session and a resumption are the legacy era’s', () => {
  const raw = ['Mcp-Session-Id', 'theirs', 'Last-Event-ID', '8'];
  expect(request(raw, { ...legacy, sessionId: 'upstream', lastEventId: '7' })).toEqual({
    'last-event-id': '7',
    'mcp-session-id': 'upstream',
    ...OURS,
  });
  expect(request(raw, { ...modern, sessionId: 'upstream', lastEventId: '7' })).toEqual(OURS);
  expect(request(['Connection', 'last-event-id', ...raw], { ...legacy, lastEventId: '7' })).toEqual(OURS);
});

test('the name of what has another name at the server is replaced, and never added', () => {
  expect(request(['Mcp-Name', 'sealed'], { ...modern, mcpName: 'own' })).toEqual({ 'mcp-name': 'own', ...OURS });
  expect(request([], { ...modern, mcpName: 'own' })).toEqual(OURS);
});

test('of a repeated header the first counts', () => {
  expect(request(['Mcp-Name', 'a', 'mcp-name', 'b'])['mcp-name']).toBe('a');
});

test('a hop header is known in whatever case', () => {
  expect(readHead(['Accept', 'x', 'Portolan-Hop', '']).claimsHop).toBe(true);
  expect(readHead(['x-portolan-hop', 'portolan-hop']).claimsHop).toBe(false);
});

const answer = {
  'content-type': 'application/json',
  'content-length': '12',
  'cache-control': 'no-store',
  'mcp-protocol-version': '2026-07-28',
  'mcp-session-id': 'upstream',
  'x-accel-buffering': 'no',
  'retry-after': '1',
  allow: 'POST',
  'set-cookie': ['a=b'],
  location: 'http://inside',
  'www-authenticate': 'Bearer',
  server: 'x',
  via: 'y',
  'portolan-fault': 'internal',
  'content-encoding': 'gzip',
  'transfer-encoding': 'chunked',
  'access-control-allow-origin': '*',
};
const RETURNED = {
  'content-type': 'application/json',
  'cache-control': 'no-store',
  'mcp-protocol-version': '2026-07-28',
  'x-accel-buffering': 'no',
  'retry-after': '1',
  allow: 'POST',
};

test('what comes back is what is allowed to', () => {
  expect(responseHeaders(answer, { era: 'modern', bytesUnchanged: false, sessionId: 'sealed' })).toEqual(RETURNED);
  expect(responseHeaders(answer, { era: 'legacy', bytesUnchanged: true, sessionId: 'sealed' })).toEqual({
    ...RETURNED,
    'content-length': '12',
    'mcp-session-id': 'sealed',
  });
});

test('without a sealed id no session id comes back at all', () => {
  const returned = responseHeaders(answer, { era: 'legacy', bytesUnchanged: false, sessionId: undefined });
  expect(returned).not.toHaveProperty('mcp-session-id');
});

test.each([
  [undefined, false],
  ['identity', false],
  ['Identity', false],
  ['', false],
  ['gzip', true],
  ['identity, br', true],
  [['identity', 'gzip'], true],
])('content-encoding %j: encoded %s', (value, expected) => {
  expect(isEncoded({ 'content-encoding': value })).toBe(expected);
});
