import { expect, test } from 'vitest';
import { type FaultCode, faults, publicCode, publicSentence, refuse } from './errors.ts';

// MCP 2026-07-28, "Errors": what of the reserved range the specification itself gives out
const SPECIFIED = [-32700, -32600, -32601, -32602, -32603, -32020, -32021, -32022];

test('our own JSON-RPC codes lie outside the reserved range', () => {
  for (const [code, { rpc }] of Object.entries(faults)) {
    const reserved = rpc >= -32768 && rpc <= -32000;
    expect(!reserved || SPECIFIED.includes(rpc), `${code}: ${rpc}`).toBe(true);
  }
});

test('no two faults share a code of our own, but where one must look like the other', () => {
  const own = Object.entries(faults).filter(([code, { rpc }]) => rpc > 0 && publicCode(code as FaultCode) === code);
  expect(new Set(own.map(([, { rpc }]) => rpc)).size).toBe(own.length);
});

test('401 means the caller’s own token and nothing else', () => {
  const unauthorized = Object.entries(faults).filter(([, { http }]) => http === 401);
  expect(unauthorized.every(([code]) => code.startsWith('token_'))).toBe(true);
});

test('without a grant a server is unknown, to the byte', () => {
  expect(faults.no_grant).toEqual(faults.server_not_found);
});

test('the sentence is filled from the context, and holds neither detail nor cause', () => {
  const refusal = refuse('upstream_failed', {
    name: 'mcp-x',
    hop: 'azure',
    detail: 'SECRET',
    cause: new Error('SECRET'),
  });
  expect(publicSentence(refusal)).toBe('The connection from gateway azure to MCP server mcp-x broke off.');
  expect(refusal.message).toBe('upstream_failed: SECRET');
});

test('what a caller sent is cut, and no pattern', () => {
  expect(publicSentence(refuse('tool_not_found', { name: 'x'.repeat(10_000) }))).toHaveLength(
    'Unknown tool: '.length + 200,
  );
  expect(publicSentence(refuse('tool_not_found', { name: '$& {hop} $1' }))).toBe('Unknown tool: $& {hop} $1');
});
