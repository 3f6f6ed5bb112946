/** Rounds of one call (MRTR, SEP-2322) between principals: a state goes back to the server from whom it was given to, byte for byte, and from nobody else. */
import { describe, expect, test } from 'vitest';
import { outcome } from './post.ts';
import { refusal, threeClouds } from './three-clouds.ts';
import { answerJson } from './upstream.ts';

const world = threeClouds();
const { azure } = world;

const STATE = '{"step":2,"of":"\u{1f9ed} ü","x":"\\""}.sig/+==';
const META = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': { elicitation: {} },
};
const UNKNOWN = refusal(
  -32602,
  'request_state_unknown',
  'Unknown requestState: send the request again without it.',
  1,
  'azure',
);

function ask(user: string, more: object = {}, path = '/mcp/far'): Promise<Response> {
  const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'echo' };
  const params = { name: 'echo', arguments: {}, ...more, _meta: META };
  const body = { jsonrpc: '2.0', id: 1, method: 'tools/call', params };
  return world.ask(path, body, { token: world.mesh.token(user), headers });
}
interface Answered {
  readonly taskId: string;
  readonly requestState: string;
  readonly inputRequests: { readonly who: { readonly params: { readonly message: string } } };
}
/** The result. */
const answered = async (reply: Promise<Response>): Promise<Answered> =>
  ((await (await reply).json()) as { result: Answered }).result;
const needsInput = (requestState = STATE, padding = '') => {
  const inputRequests = { who: { method: 'elicitation/create', params: { message: `?${padding}` } } };
  world.upstream.script = (_seen, response) =>
    answerJson(response, {
      jsonrpc: '2.0',
      id: 1,
      result: { resultType: 'input_required', inputRequests, requestState },
    });
};
async function given(user: string, path?: string): Promise<string> {
  const result = await answered(ask(user, {}, path));
  expect(result.requestState).toMatch(/^[\w-]{60,}$/);
  return result.requestState;
}
const sent = () => JSON.parse(world.upstream.seen.at(-1)?.body ?? '{}').params;

describe.each(['/mcp/near', '/mcp/far'])('%s', (path) => {
  test('the caller sends back what he was given, and the server gets what it gave', async () => {
    needsInput();
    const requestState = await given('alice', path);
    await (await ask('alice', { requestState, inputResponses: { who: { action: 'accept' } } }, path)).text();
    expect(sent()).toMatchObject({ requestState: STATE, inputResponses: { who: { action: 'accept' } } });
    await (await ask('alice', { inputResponses: {} }, path)).text();
    expect(sent()).not.toHaveProperty('requestState');
  });

  test('on an event stream, too, and in an answer that is streamed because it is long', async () => {
    world.upstream.script = (_seen, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end(`data: {"jsonrpc":"2.0","id":1,"result":{"requestState":${JSON.stringify(STATE)}}}\n\n`);
    };
    const [, event = ''] = (await (await ask('alice', {}, path)).text()).split('data: ');
    const { requestState } = JSON.parse(event).result;
    needsInput(STATE, 'x'.repeat(700_000));
    const long = await answered(ask('alice', {}, path));
    expect(long.requestState).toBe(requestState);
    expect(long.inputRequests.who.params.message).toHaveLength(700_001);
    await (await ask('alice', { requestState }, path)).text();
    expect(sent().requestState).toBe(STATE);
  });
});

test("another's, raw, torn, of another server, of another kind, or no text: refused in the same words, and the server is not asked", async () => {
  needsInput();
  const [hers, near] = [await given('alice'), await given('alice', '/mcp/near')];
  world.upstream.script = (_seen, response) =>
    answerJson(response, { jsonrpc: '2.0', id: 1, result: { taskId: STATE } });
  const { taskId } = await answered(ask('bob'));
  world.upstream.seen.length = 0;
  const stolen: readonly (readonly [string, unknown])[] = [
    ['bob', hers],
    ['bob', STATE],
    ['bob', ''],
    ['bob', taskId],
    ['bob', [hers]],
    ['alice', near],
    ['alice', `${hers}A`],
  ];
  for (const [user, requestState] of stolen) {
    expect(await outcome(await ask(user, { requestState }))).toEqual({ status: 200, body: UNKNOWN });
  }
  expect(world.upstream.seen).toEqual([]);
  expect(azure().audit.records.at(-1)).toMatchObject({ code: 'request_state_unknown', status: 'refused' });
});

test('a state that is longer than a header could be crosses in the body', async () => {
  const state = 'x'.repeat(50_000);
  needsInput(state);
  const requestState = await given('alice');
  await (await ask('alice', { requestState })).text();
  expect(sent().requestState).toBe(state);
});
