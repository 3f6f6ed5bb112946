/** Bytes that two HTTP readers could read as different requests (request smuggling), or that are no HTTP: refused, audited, and nothing of them goes on. */
import { expect, inject, test } from 'vitest';
import { exchange } from '../harness/mesh-client.ts';
import { sharedFederation } from '../harness/shared-federation.ts';

const SMUGGLED = 'GET /mcp/mcp-m365 HTTP/1.1\r\nHost: localhost\r\n\r\n';

test.each<[string, number, readonly string[], string]>([
  [
    'Content-Length and Transfer-Encoding',
    400,
    ['Content-Length: 5', 'Transfer-Encoding: chunked'],
    `0\r\n\r\n${SMUGGLED}`,
  ],
  ['two Content-Lengths', 400, ['Content-Length: 0', `Content-Length: ${SMUGGLED.length}`], SMUGGLED],
  ['a Transfer-Encoding that not everyone reads', 400, ['Transfer-Encoding: xchunked'], SMUGGLED],
  ['a blank before the colon', 400, ['Transfer-Encoding : chunked'], `0\r\n\r\n${SMUGGLED}`],
  ['a folded header', 400, ['X-One: a\r\n\tb'], ''],
  ['a line end inside a header', 400, ['X-One: a\nTransfer-Encoding: chunked'], ''],
  ['headers of 40 KB', 431, [`X-One: ${'y'.repeat(40_000)}`], ''],
])('%s: %i, audited', async (_what, status, headers, rest) => {
  const federation = await sharedFederation(inject('federation'));
  const door = {
    host: '127.0.0.1',
    port: federation.portBase + 10,
    servername: 'localhost',
    rejectUnauthorized: false,
  };
  const head = [
    'POST /mcp/mcp-m365 HTTP/1.1',
    'Host: localhost',
    `Authorization: Bearer ${federation.local.users.alice?.token}`,
  ];
  const reply = await exchange(door, `${[...head, ...headers].join('\r\n')}\r\n\r\n${rest}`);
  expect(reply.status, reply.text).toBe(status);
  expect(reply.text.match(/HTTP\/1\.1 /g), 'one answer').toHaveLength(1);
  const requestId = /"requestId":"([^"]+)"/.exec(reply.text)?.[1] ?? 'none';
  const row = await federation.auditRow(requestId);
  expect(row).toMatchObject({ status: 'refused', code: 'http_malformed', entry_gateway: 'aws', tool: null });
});
