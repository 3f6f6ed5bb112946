import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isPreflight, preflightHeaders } from './cors.ts';

const asked = (names: string): string => {
  const flat = preflightHeaders(names);
  return flat[flat.indexOf('access-control-allow-headers') + 1] ?? '';
};

test('every header that MCP clients send is allowed, and parameters by name', () => {
  expect(asked('')).toBe(
    'Authorization, Content-Type, Accept, MCP-Protocol-Version, Mcp-Method, Mcp-Name, Mcp-Session-Id, Last-Event-ID, x-tfy-mcp-headers',
  );
  expect(asked('content-type, mcp-param-region,Mcp-Param-Tenant ,x-other')).toBe(
    `${asked('')}, mcp-param-region, Mcp-Param-Tenant`,
  );
});

test.each([
  'cookie',
  'x-mcp-param-a',
  'mcp-param-',
  'mcp-param-a b',
  'mcp-param-a\r\nset-cookie: x',
  'mcp-param-ä',
  `mcp-param-${'a'.repeat(101)}`,
  '*',
])('%j is not', (name) => {
  expect(asked(name)).toBe(asked(''));
});

test('however many are asked for, no more than 64 are looked at', () => {
  const many = Array.from({ length: 1000 }, (_, i) => `mcp-param-${i}`).join(',');
  expect(asked(many).split(', ')).toHaveLength(9 + 64);
});

test('whatever is asked for, the answer holds tokens alone, and of those asked for parameters alone', () => {
  const parts = fc.constantFrom('mcp-param-', 'MCP-PARAM-', 'a', ',', ' ', '\r\n', ':', 'é', '"', '*');
  fc.assert(
    fc.property(fc.array(parts, { maxLength: 30 }), (text) => {
      for (const name of asked(text.join('')).split(', ').slice(9)) {
        expect(name).toMatch(/^mcp-param-[!#$%&'*+.^_`|~0-9a-z-]+$/i);
      }
    }),
  );
});

test.each([
  ['OPTIONS', { origin: 'x', 'access-control-request-method': 'POST' }, true],
  ['OPTIONS', { origin: 'x' }, false],
  ['OPTIONS', { 'access-control-request-method': 'POST' }, false],
  ['POST', { origin: 'x', 'access-control-request-method': 'POST' }, false],
])('%s with %j is a preflight: %s', (method, headers, expected) => {
  expect(isPreflight({ method, headers })).toBe(expected);
});
