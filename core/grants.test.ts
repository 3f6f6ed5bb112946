import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Call, type CompiledGrants, compileGrants, permit } from './grants.ts';
import { filterAnswer } from './lists.ts';
import type { Grant } from './snapshot.ts';

type Kind = 'tools' | 'prompts' | 'resources';

const names = fc.constantFrom('get_a', 'get_b', 'set_a', 'x');
const globs = fc.array(fc.constantFrom('get_a', 'get_*', '*_a', '*', 'x'), { maxLength: 2 });
const servers = fc.constantFrom('s1', 's2');
const kinds = fc.constantFrom<Kind>('tools', 'prompts', 'resources');
const grantWith = (effect: fc.Arbitrary<'allow' | 'deny'>): fc.Arbitrary<Grant> =>
  fc.record({
    id: fc.constant('g'),
    effect,
    principal: fc.constant({ kind: 'user' as const, name: 'alice' }),
    server: servers,
    everything: fc.nat(4).map((n) => n === 0),
    tools: globs,
    prompts: globs,
    resources: globs,
  });
const grant = grantWith(fc.constantFrom('allow', 'allow', 'deny'));
const worlds = fc.array(grant, { maxLength: 6 });

const hits = (patterns: readonly string[], name: string): boolean =>
  patterns.some((pattern) => new RegExp(`^${pattern.replaceAll('*', '.*')}$`).test(name));
const covers = (own: Grant, kind: Kind, name: string): boolean => own.everything || hits(own[kind], name);

/** The rule as a sentence, O(n): some allow covers it, no deny does. */
function naive(world: readonly Grant[], server: string, kind: Kind, name: string): boolean {
  const here = world.filter((own) => own.server === server);
  const allowed = here.some((own) => own.effect === 'allow' && covers(own, kind, name));
  return allowed && !here.some((own) => own.effect === 'deny' && covers(own, kind, name));
}

const ask = (grants: CompiledGrants, kind: Kind, server: string, name: string): boolean =>
  ({ tools: grants.mayCall, prompts: grants.mayGet, resources: grants.mayRead })[kind](server, name);

const allow = (server: string, rest: Partial<Grant>): Grant => ({
  id: 'g',
  effect: 'allow',
  principal: { kind: 'user', name: 'alice' },
  server,
  everything: false,
  tools: [],
  prompts: [],
  resources: [],
  ...rest,
});

test('the index answers as the naive model does', () => {
  fc.assert(
    fc.property(worlds, servers, kinds, names, (world, server, kind, name) => {
      expect(ask(compileGrants(world), kind, server, name)).toBe(naive(world, server, kind, name));
    }),
    { numRuns: 20_000 },
  );
});

const methods = fc.constantFrom(
  'tools/call',
  'prompts/get',
  'resources/read',
  'tools/list',
  'tasks/get',
  'x/y',
  'ping',
);
const calls: fc.Arbitrary<Call> = fc.record({ method: methods, target: fc.option(names, { nil: undefined }) });

test('a deny never opens anything', () => {
  fc.assert(
    fc.property(worlds, grantWith(fc.constant('deny')), servers, calls, (world, deny, server, call) => {
      const before = permit(compileGrants(world), server, call);
      const after = permit(compileGrants([...world, deny]), server, call);
      expect(before !== 'allowed' && after === 'allowed').toBe(false);
    }),
    { numRuns: 20_000 },
  );
});

const published = fc.record(
  { include: fc.array(fc.constantFrom('get_a', 'get_*', '*_a', '*', 'x'), { maxLength: 2 }), exclude: globs },
  { requiredKeys: [] },
);

test('what a server hides is hidden whatever the grants, and hiding opens nothing', () => {
  fc.assert(
    fc.property(worlds, published, servers, names, (world, tools, server, name) => {
      const hiding = compileGrants(world, new Map([[server, { tools }]]));
      const exists = (tools.include === undefined || hits(tools.include, name)) && !hits(tools.exclude ?? [], name);
      expect(hiding.mayCall(server, name)).toBe(exists && naive(world, server, 'tools', name));
      const other = server === 's1' ? 's2' : 's1';
      expect(hiding.mayCall(other, name)).toBe(naive(world, other, 'tools', name));
      for (const kind of ['prompts', 'resources'] as const) {
        expect(ask(hiding, kind, server, name)).toBe(naive(world, server, kind, name));
      }
      expect(permit(hiding, server, { method: 'tools/list' })).toBe(
        permit(compileGrants(world), server, { method: 'tools/list' }),
      );
    }),
    { numRuns: 20_000 },
  );
});

test('an empty `include` hides every tool, also from who may use everything', () => {
  const grants = compileGrants([allow('s', { everything: true })], new Map([['s', { tools: { include: [] } }]]));
  expect(permit(grants, 's', { method: 'tools/call', target: 'a' })).toBe('tool_not_found');
});

test('where views are the same, so are the answers; a grant of another server changes none', () => {
  fc.assert(
    fc.property(worlds, worlds, published, servers, names, kinds, (one, two, tools, server, name, kind) => {
      const [a, b] = [compileGrants(one, new Map([[server, { tools }]])), compileGrants(two)];
      if (a.view(server)[kind] === b.view(server)[kind]) {
        expect(ask(a, kind, server, name)).toBe(ask(b, kind, server, name));
      }
      const [{ key, ...texts }, { key: other, ...others }] = [a.view(server), b.view(server)];
      expect(key === other).toBe(JSON.stringify(texts) === JSON.stringify(others));
      expect(a.view(server)).toBe(a.view(server));
      const more = [...two, allow('elsewhere', { everything: true })];
      expect(compileGrants(more.toReversed()).view(server)).toEqual(b.view(server));
    }),
    { numRuns: 20_000 },
  );
});

test('the order of grants does not matter', () => {
  fc.assert(
    fc.property(worlds, servers, calls, (world, server, call) => {
      expect(permit(compileGrants(world.toReversed()), server, call)).toBe(permit(compileGrants(world), server, call));
    }),
  );
});

test('no grant, nothing: neither a call nor a list', () => {
  fc.assert(
    fc.property(servers, calls, (server, call) => {
      expect(permit(compileGrants([]), server, call)).toBe('no_grant');
    }),
  );
});

test('what is listed is callable, and what is callable is listed', () => {
  fc.assert(
    fc.property(worlds, published, servers, fc.uniqueArray(names), (world, hidden, server, tools) => {
      const grants = compileGrants(world, new Map([['s1', { tools: hidden }]]));
      const answer = Buffer.from(JSON.stringify({ result: { tools: tools.map((name) => ({ name })) } }));
      const filtered = filterAnswer(answer, grants, server);
      const shown: { result: { tools: { name: string }[] } } = JSON.parse(
        String(filtered.kind === 'filtered' ? filtered.bytes : answer),
      );
      const callable = tools.filter((target) => permit(grants, server, { method: 'tools/call', target }) === 'allowed');
      expect(shown.result.tools.map((tool) => tool.name)).toEqual(callable);
    }),
    { numRuns: 2_000 },
  );
});

const some = compileGrants([allow('s', { tools: ['get_*'], prompts: ['p'], resources: ['docs://*'] })]);
const all = compileGrants([allow('s', { everything: true }), allow('s', { effect: 'deny', tools: ['drop'] })]);
const closed = compileGrants([allow('s', { everything: true }), allow('s', { effect: 'deny', everything: true })]);

test.each<[string, CompiledGrants, Call, string]>([
  ['any grant opens the session', some, { method: 'initialize' }, 'allowed'],
  ['discovery', some, { method: 'server/discover' }, 'allowed'],
  ['lists', some, { method: 'resources/templates/list' }, 'allowed'],
  ['notifications', some, { method: 'notifications/cancelled' }, 'allowed'],
  ['responses', some, {}, 'allowed'],
  ['a granted tool', some, { method: 'tools/call', target: 'get_x' }, 'allowed'],
  ['another tool', some, { method: 'tools/call', target: 'set_x' }, 'tool_not_found'],
  ['a call of nothing', some, { method: 'tools/call' }, 'invalid_params'],
  ['another prompt', some, { method: 'prompts/get', target: 'q' }, 'prompt_not_found'],
  ['a resource', some, { method: 'resources/read', target: 'docs://a' }, 'allowed'],
  [
    'a subscription follows its resource',
    some,
    { method: 'resources/subscribe', target: 'db://a' },
    'resource_not_found',
  ],
  ['a subscription to nothing', all, { method: 'resources/subscribe' }, 'invalid_params'],
  ['completion of a prompt', some, { method: 'completion/complete', ref: 'prompt', target: 'p' }, 'allowed'],
  ['completion of another', some, { method: 'completion/complete', ref: 'prompt', target: 'q' }, 'prompt_not_found'],
  [
    'completion of a template',
    some,
    { method: 'completion/complete', ref: 'resource', target: 'db://{x}' },
    'resource_not_found',
  ],
  ['completion of nothing', some, { method: 'completion/complete', target: 'p' }, 'invalid_params'],
  ['listening to lists', some, { method: 'subscriptions/listen', listens: { uris: [] } }, 'allowed'],
  [
    'listening to a resource',
    some,
    { method: 'subscriptions/listen', listens: { uris: ['db://a'] } },
    'resource_not_found',
  ],
  ['listening to who knows what', some, { method: 'subscriptions/listen' }, 'invalid_params'],
  ['a task', some, { method: 'tasks/get', target: 't' }, 'allowed'],
  ['no task', some, { method: 'tasks/cancel' }, 'invalid_params'],
  ['tasks that somebody has started', some, { method: 'tasks/list' }, 'method_not_found'],
  ['unknown methods', some, { method: 'tools/Call', target: 'get_x' }, 'method_not_found'],
  ['everything: unknown methods', all, { method: 'x/y' }, 'allowed'],
  ['everything but one', all, { method: 'tools/call', target: 'drop' }, 'tool_not_found'],
  ['a closed server', closed, { method: 'ping' }, 'no_grant'],
])('%s', (_, grants, call, expected) => {
  expect(permit(grants, 's', call)).toBe(expected);
});

test('a modern subscription that names nothing asks for a method that is gone', () => {
  expect(permit(all, 's', { method: 'resources/subscribe' }, { era: 'modern' })).toBe('method_not_found');
  expect(permit(some, 's', { method: 'resources/unsubscribe', target: 'db://a' }, { era: 'modern' })).toBe(
    'resource_not_found',
  );
});

test('a modern client that does not declare tasks has none', () => {
  const get = { method: 'tasks/get', target: 't' };
  const declared = (tasks: boolean) => ({ ...get, meta: { clientCapabilities: { tasks } } });
  expect(permit(some, 's', get, { era: 'modern' })).toBe('capability_missing');
  expect(permit(some, 's', declared(false), { era: 'modern' })).toBe('capability_missing');
  expect(permit(some, 's', declared(true), { era: 'modern' })).toBe('allowed');
});

test('a modern client asks for no result of a task by a method of its own', () => {
  const call = { method: 'tasks/result', target: 't', meta: { clientCapabilities: { tasks: true } } };
  expect(permit(some, 's', call, { era: 'modern' })).toBe('method_not_found');
  expect(permit(some, 's', call, { era: 'legacy', callerSession: 's' })).toBe('allowed');
});

test('tasks are listed in a session, for whoever may use everything', () => {
  const list = { method: 'tasks/list' };
  const session = { era: 'legacy', callerSession: 's' } as const;
  expect(permit(all, 's', list, session)).toBe('allowed');
  for (const outside of [undefined, { era: 'legacy' }, { era: 'modern' }] as const)
    expect(permit(all, 's', list, outside)).toBe('method_not_found');
  expect(permit(some, 's', list, session)).toBe('method_not_found');
});

test('an allow that lists nothing is no grant', () => {
  expect(compileGrants([allow('s', {})]).onServer('s')).toBe(false);
});
