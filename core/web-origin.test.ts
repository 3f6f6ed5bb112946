import { expect, test } from 'vitest';
import { HostName, isLoopbackHost, isLoopbackOrigin, WebOrigin } from './web-origin.ts';

const takes = (schema: typeof WebOrigin, text: string): boolean => schema.safeParse(text).success;

test.each([
  'https://app.example.com',
  'http://app.example.com:8080',
  'http://localhost:3000',
  'http://[::1]:3000',
  'chrome-extension://mfmdabcdefghijklmnopabcdefghijkl',
  'vscode-webview://0aq9k2s',
])('the origin %s', (text) => {
  expect(takes(WebOrigin, text)).toBe(true);
});

test.each([
  'null',
  '',
  '*',
  'app.example.com',
  'https://*.example.com',
  'https://app.example.com/',
  'https://app.example.com/path',
  'https://app.example.com:443',
  'http://app.example.com:80',
  'https://App.example.com',
  'HTTPS://app.example.com',
  'https://user@app.example.com',
  'https://app.example.com, https://b.example.com',
  'https://127.1',
  'file://',
  'chrome-extension://*',
])('no origin: %j', (text) => {
  expect(takes(WebOrigin, text)).toBe(false);
});

test.each(['mcp.example.com', 'localhost', '10.0.0.7', '[fd00::7]', 'gateway_1'])('the host %s', (text) => {
  expect(takes(HostName, text)).toBe(true);
});

test.each([
  '',
  '*',
  '*.example.com',
  'Mcp.example.com',
  'mcp.example.com:8443',
  'https://mcp.example.com',
  'a/b',
  '127.1',
  '::1',
])('no host: %j', (text) => {
  expect(takes(HostName, text)).toBe(false);
});

test.each([
  ['localhost', true],
  ['127.0.0.1', true],
  ['127.8.9.1', true],
  ['[::1]', true],
  ['localhost.evil.example', false],
  ['127.0.0.1.evil.example', false],
  ['evil.example', false],
  ['10.0.0.1', false],
  ['', false],
])('%j is this machine: %s', (host, expected) => {
  expect(isLoopbackHost(host)).toBe(expected);
});

test.each([
  ['http://localhost:3000', true],
  ['https://127.0.0.1', true],
  ['http://[::1]:6274', true],
  ['null', false],
  ['http://localhost:3000/', false],
  ['http://localhost@evil.example', false],
  ['http://evil.example#localhost', false],
  ['http://localhost.evil.example', false],
  ['chrome-extension://localhost', false],
  ['http://localhost:3000, http://evil.example', false],
])('%j is a page of this machine: %s', (origin, expected) => {
  expect(isLoopbackOrigin(origin)).toBe(expected);
});
