import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as api from './api.ts';
import { isRegistrable, readCustomHeaders, untakenHeader } from './custom-headers.ts';

describe('isRegistrable', () => {
  test.each(['X-Api-Key', 'authorization', 'x_tenant', 'X-Request-Id', 'x-mcp', 'b3x'])('%s', (name) => {
    expect(isRegistrable(name)).toBe(true);
  });

  test.each([
    ...['Host', 'Cookie', 'Set-Cookie', 'Origin', 'Expect', 'Last-Event-ID', 'Sec-Fetch-Site'],
    ...['Content-Length', 'content-type', 'CONTENT-ENCODING', 'Accept', 'Accept-Encoding', 'If-Match'],
    ...[
      'Mcp-Session-Id',
      'MCP-Protocol-Version',
      'Mcp-Param-X',
      'portolan-hop',
      'Portolan-Caller',
      'x-tfy-mcp-headers',
    ],
    ...['Connection', 'Keep-Alive', 'TE', 'Trailer', 'Transfer-Encoding', 'Upgrade', 'Proxy-Authorization'],
    ...[
      'Forwarded',
      'X-Forwarded-For',
      'x-forwarded-host',
      'Via',
      'X-Real-IP',
      'X-Original-URL',
      'X-HTTP-Method-Override',
    ],
    ...['traceparent', 'tracestate', 'baggage', 'b3', 'X-B3-TraceId'],
    ...['X_Forwarded_For', 'content_length', 'Transfer_Encoding'],
    ...['', 'a b', 'a:b', 'ä', 'a\r\nb', 'x'.repeat(101)],
  ])('never %j', (name) => {
    expect(isRegistrable(name)).toBe(false);
  });
});

describe('a registration', () => {
  const registered = (headers: object) =>
    api.McpServerBody.safeParse({ url: 'http://up.internal', gateway: 'aws', headers }).error?.issues;
  test('takes the names of headers that a caller may give', () => {
    expect(registered({ names: ['X-Api-Key'] })).toBeUndefined();
    expect(registered({ names: ['Authorization'], mayOverrideAuth: true })).toBeUndefined();
  });
  test('refuses reserved ones, and Authorization without mayOverrideAuth', () => {
    expect(registered({ names: ['X-Api-Key', 'Host'] })).toMatchObject([{ path: ['headers', 'names', 1] }]);
    expect(registered({ names: ['AUTHORIZATION'] })).toMatchObject([{ path: ['headers'] }]);
    expect(registered({ names: ['AUTHORIZATION'], mayOverrideAuth: false })).toMatchObject([{ path: ['headers'] }]);
  });
});

describe('readCustomHeaders', () => {
  test('names in lower case, values as they are', () => {
    const text = '{"X-Api-Key": "s3cret", "x-empty":"", "x-inside":"a b\\tc"}';
    expect(readCustomHeaders(text)).toEqual({
      headers: ['x-api-key', 's3cret', 'x-empty', '', 'x-inside', 'a b\tc'],
    });
    expect(readCustomHeaders('{}')).toEqual({ headers: [] });
  });

  test.each([
    ['no JSON', 'x-api-key: 1', /expected an object/],
    ['nothing', '', /expected an object/],
    ['an array', '[{"a":"b"}]', /expected an object/],
    ['sent twice, as node joins it', '{"a":"b"}, {"c":"d"}', /expected the end/],
    ['an object per server', '{"near":{"x-a":"b"}}', /value of near must be a string/],
    ['a number', '{"x-a":1}', /value of x-a must be a string/],
    ['null', '{"x-a":null}', /value of x-a must be a string/],
    ['a key twice', '{"x-a":"1","x-a":"2"}', /^x-a stands there twice$/],
    ['a name twice, in another case', '{"x-a":"1","X-A":"2"}', /^x-a stands there twice$/],
    ['a name twice, in an escape', '{"x-a":"1","x-\\u0061":"2"}', /^x-a stands there twice$/],
    ['CR and LF', '{"x-a":"1\\r\\nhost: evil"}', /printable ASCII/],
    ['LF', '{"x-a":"1\\n2"}', /printable ASCII/],
    ['LF at the end', '{"x-a":"1\\n"}', /printable ASCII/],
    ['NUL', '{"x-a":"1\\u0000"}', /printable ASCII/],
    ['a bare control character', '{"x-a":"1\u0001"}', /control characters/],
    ['what latin1 would make CR LF of', '{"x-a":"\\u010d\\u010a"}', /printable ASCII/],
    ['a blank at the end', '{"x-a":"1 "}', /printable ASCII/],
    ['no name', '{"":"1"}', /no header name/],
    ['CR LF in a name', '{"x-a\\r\\nx-b":"1"}', /no header name/],
    ['a colon in a name', '{"x-a: b":"1"}', /no header name/],
    [
      'too many',
      JSON.stringify(Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`x-${i}`, '']))),
      /at most 32 keys/,
    ],
    ['too long', `{"x-a":"${'1'.repeat(8192)}"}`, /at most 8192 bytes/],
    ['no UTF-8', '{"x-a":"\xff"}', /UTF-8/],
  ])('%s: refused', (_what, text, expected) => {
    expect(readCustomHeaders(text)).toEqual({ expected: expect.stringMatching(expected) });
  });

  test('whatever it reads is a header that HTTP can carry, and what JSON.parse reads', () => {
    const entries = fc.dictionary(fc.string({ maxLength: 8 }), fc.string({ unit: 'grapheme' }), { maxKeys: 5 });
    fc.assert(
      fc.property(entries, (object) => {
        const read = readCustomHeaders(Buffer.from(JSON.stringify(object)).toString('latin1'));
        if ('expected' in read) return;
        const pairs = Object.entries(object).map(([name, value]) => [name.toLowerCase(), value]);
        expect(read.headers).toEqual(pairs.flat());
        const list = new Headers(pairs as [string, string][]);
        for (const [name = '', value] of pairs) expect(list.get(name)).toBe(value);
      }),
    );
  });

  test('a fault tells nothing of a value', () => {
    const values = fc.string().map((text) => `${text}s3cret`);
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom('x-a', 'X-A', 'a b', 'x-b'), values), (object) => {
        const read = readCustomHeaders(Buffer.from(JSON.stringify(object)).toString('latin1'));
        if ('expected' in read) expect(read.expected).not.toContain('s3cret');
      }),
    );
  });
});

describe('untakenHeader', () => {
  const taken = { names: ['X-Api-Key', 'Authorization', 'host'] };
  test.each([
    ['what is registered, in any case', ['x-api-key', '1'], taken, undefined],
    ['nothing', [], undefined, undefined],
    ['what is not registered', ['x-api-key', '1', 'x-other', '2'], taken, 'x-other'],
    ['a value that looks like a name', ['x-api-key', 'x-other'], taken, undefined],
    ['a server that takes none', ['x-api-key', '1'], undefined, 'x-api-key'],
    ['what may never be registered, but is', ['host', 'evil'], taken, 'host'],
    ['Authorization without mayOverrideAuth', ['authorization', 'Bearer x'], taken, 'authorization'],
    ['Authorization with it', ['authorization', 'Bearer x'], { ...taken, mayOverrideAuth: true }, undefined],
    ['mayOverrideAuth alone', ['authorization', 'Bearer x'], { names: [], mayOverrideAuth: true }, 'authorization'],
  ])('%s', (_what, headers, registered, untaken) => {
    expect(untakenHeader(headers, registered)).toBe(untaken);
  });
});
