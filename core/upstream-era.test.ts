/** Every row of "era of an upstream": which answer decides what, and which decides nothing. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { discoverVerdict, initializeVerdict, streamVerdict } from './upstream-era.ts';

const ASKED = '2026-07-28';
const failed = (code: number, data?: unknown) => ({ jsonrpc: '2.0', id: 1, error: { code, message: 'no', data } });
const discovered = (supportedVersions: unknown, more: object = {}) => ({
  jsonrpc: '2.0',
  id: 1,
  result: { supportedVersions, capabilities: { tools: {} }, resultType: 'complete', ...more },
});
const initialized = (protocolVersion: unknown) => ({
  jsonrpc: '2.0',
  id: 2,
  result: { protocolVersion, capabilities: {}, serverInfo: { name: 'old', version: '1', title: 'x' } },
});

describe('server/discover', () => {
  test.each<[string, number, unknown, string]>([
    ['its result', 200, discovered([ASKED]), 'modern'],
    ['a result of later revisions', 200, discovered(['2027-01-01', ASKED]), 'modern'],
    ['a result that lists the older era alone', 200, discovered(['2025-11-25']), 'initialize'],
    ['a result without versions', 200, discovered(undefined), 'initialize'],
    ['a result with versions that are none', 200, discovered([1]), 'initialize'],
    ['HeaderMismatch', 400, failed(-32020), 'modern'],
    ['MissingRequiredClientCapability', 400, failed(-32021), 'modern'],
    ['UnsupportedProtocolVersion, another one', 400, failed(-32022, { supported: ['2027-01-01'] }), 'ask-again'],
    ['UnsupportedProtocolVersion, none listed', 400, failed(-32022), 'modern'],
    ['UnsupportedProtocolVersion, the same one', 400, failed(-32022, { supported: [ASKED] }), 'modern'],
    ['UnsupportedProtocolVersion, older ones alone', 400, failed(-32022, { supported: ['2025-11-25'] }), 'initialize'],
    ['400 with the legacy code of server-everything', 400, { ...failed(-32000), id: null }, 'initialize'],
    [
      'the legacy code with a telling text',
      400,
      failed(-32000, { reason: 'server_missing_modern_protocol_support' }),
      'initialize',
    ],
    ['400, empty', 400, undefined, 'initialize'],
    ['400 for params', 400, failed(-32602), 'initialize'],
    ['404, empty', 404, undefined, 'initialize'],
    ['404, method not found', 404, failed(-32601), 'initialize'],
    ['200, method not found', 200, failed(-32601), 'initialize'],
    ['405', 405, undefined, 'initialize'],
    ['406', 406, undefined, 'initialize'],
    ['401', 401, undefined, 'undecided'],
    ['401 with a modern result', 401, discovered([ASKED]), 'undecided'],
    ['403 with a modern code', 403, failed(-32020), 'undecided'],
    ['408', 408, undefined, 'undecided'],
    ['429', 429, undefined, 'undecided'],
    ['500 with a JSON-RPC error', 500, failed(-32601), 'undecided'],
    ['503', 503, undefined, 'undecided'],
  ])('%s (%i): %4$s', (_what, status, message, kind) => {
    expect(discoverVerdict({ status, message }, ASKED).kind).toBe(kind);
  });

  test('says what it is and whether it has tools', () => {
    const _meta = { 'io.modelcontextprotocol/serverInfo': { name: 'm', version: '2', icons: [] } };
    expect(discoverVerdict({ status: 200, message: discovered([ASKED], { _meta }) }, ASKED)).toEqual({
      kind: 'modern',
      versions: [ASKED],
      self: { serverInfo: { name: 'm', version: '2' }, offersTools: true },
    });
    const bare = { capabilities: 'all', _meta: { 'io.modelcontextprotocol/serverInfo': 7 } };
    expect(discoverVerdict({ status: 200, message: discovered([ASKED], bare) }, ASKED)).toMatchObject({
      self: { serverInfo: undefined, offersTools: false },
    });
  });

  test('is asked again with the newest version that is of this era and not the same', () => {
    const supported = ['2025-11-25', '2027-01-01', '2027-06-01', ASKED, 'draft'];
    expect(discoverVerdict({ status: 400, message: failed(-32022, { supported }) }, ASKED)).toEqual({
      kind: 'ask-again',
      version: '2027-06-01',
    });
  });
});

describe('initialize', () => {
  test.each<[string, number, unknown, string]>([
    ['its result', 200, initialized('2025-11-25'), 'legacy'],
    ['a result of an older revision', 200, initialized('2025-03-26'), 'legacy'],
    ['a modern code', 400, failed(-32022, { supported: [ASKED] }), 'modern'],
    ['a method that is not there any more', 404, failed(-32601), 'modern'],
    ['400, empty', 400, undefined, 'stream'],
    ['400 with a legacy code', 400, failed(-32000), 'stream'],
    ['404, empty', 404, undefined, 'stream'],
    ['405', 405, undefined, 'stream'],
    ['a refusal in JSON-RPC', 200, failed(-32603), 'undecided'],
    ['no message', 200, undefined, 'undecided'],
    ['a result without a version', 200, initialized(undefined), 'undecided'],
    ['401', 401, initialized('2025-11-25'), 'undecided'],
    ['403', 403, undefined, 'undecided'],
    ['502', 502, failed(-32022), 'undecided'],
  ])('%s (%i): %4$s', (_what, status, message, kind) => {
    expect(initializeVerdict({ status, message }).kind).toBe(kind);
  });

  test('says which version it settled on', () => {
    expect(initializeVerdict({ status: 200, message: initialized('2025-06-18') })).toEqual({
      kind: 'legacy',
      version: '2025-06-18',
      self: { serverInfo: { name: 'old', version: '1' }, offersTools: false },
    });
  });
});

test('a stream that begins with "endpoint" is HTTP+SSE; any other, and none, is nothing', () => {
  expect(streamVerdict('endpoint', 404)).toEqual({ kind: 'http+sse' });
  for (const event of [undefined, 'message', ''])
    expect(streamVerdict(event, 404)).toMatchObject({
      kind: 'undecided',
      there: false,
      expected: expect.stringContaining('404'),
    });
});

test('whatever it says with them, 401, 403, 429 and 5xx decide nothing; whether it is there, they do', () => {
  const status = fc.oneof(fc.constantFrom(401, 403, 407, 408, 425, 429), fc.integer({ min: 500, max: 599 }));
  const message = fc.oneof(
    fc.constantFrom(discovered([ASKED]), initialized('2025-11-25'), failed(-32022, { supported: ['2027-01-01'] })),
    fc.jsonValue(),
  );
  fc.assert(
    fc.property(status, message, (of, said) => {
      const both = [
        discoverVerdict({ status: of, message: said }, ASKED),
        initializeVerdict({ status: of, message: said }),
      ];
      for (const verdict of both)
        expect(verdict).toMatchObject({ kind: 'undecided', there: [401, 403, 407, 429].includes(of) });
    }),
  );
});

test('no message makes it throw', () => {
  fc.assert(
    fc.property(fc.integer({ min: 200, max: 499 }), fc.jsonValue(), (status, said) => {
      const kinds = [
        discoverVerdict({ status, message: said }, ASKED).kind,
        initializeVerdict({ status, message: said }).kind,
      ];
      expect(kinds.every(Boolean)).toBe(true);
    }),
  );
});
