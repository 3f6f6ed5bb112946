/**
 * One principal's grants as an index, and the one predicate that calls and lists both obey (design: "List and call, one predicate").
 * Pure; knows nothing of tokens, snapshots or HTTP. The control plane validates grants, the gateway asks here.
 * Invariant: default deny, deny wins; what is not granted is absent from lists and unknown to calls.
 */
import type { Era } from './era.ts';
import type { FaultCode } from './errors.ts';
import { compileGlobs } from './globs.ts';
import type { Grant, McpServer } from './snapshot.ts';

/** Grants of one principal, compiled. Every question about a server without a grant is answered `false`. */
export interface CompiledGrants {
  /** Holds this principal any grant on the server? False where a deny of `everything` closes it. */
  onServer(server: string): boolean;
  /** Granted `everything: true` on the server. Denies of single tools do not change this answer; they still refuse those tools. */
  everything(server: string): boolean;
  mayCall(server: string, tool: string): boolean;
  mayGet(server: string, prompt: string): boolean;
  /** `uri`: a resource's URI, or the text of a URI template, which is compared as it is written. */
  mayRead(server: string, uri: string): boolean;
  /** What decides the three answers above, as text: where two are the same, so are the answers. Made when first asked for. */
  view(server: string): View;
}

type Kind = 'tools' | 'prompts' | 'resources';
/** A text for each kind; empty where nothing of it is open. */
export interface View extends Readonly<Record<Kind, string>> {
  /** The server and the three texts in one, for whoever looks something up by all of them; empty where nothing at all is open. */
  readonly key: string;
}
type Test = (text: string) => boolean;
interface ServerIndex extends Readonly<Record<Kind, Test>> {
  readonly everything: boolean;
  readonly view: () => View;
}
/** Servers by name, for what of them exists at all. */
export type Publishing = ReadonlyMap<string, Pick<McpServer, 'tools'>>;
type Published = NonNullable<McpServer['tools']>;

const CLOSED: View = { tools: '', prompts: '', resources: '', key: '' };
const ALL: Published = {};

const grantsSomething = (grant: Grant): boolean =>
  grant.everything || grant.tools.length + grant.prompts.length + grant.resources.length > 0;

/** Globs of one kind on one server: what matches `allowed` and `include`, and neither `denied` nor `exclude`, is open. */
interface Rules {
  readonly allowed: readonly string[];
  readonly denied: readonly string[];
  readonly include: readonly string[] | undefined;
}

function rulesOf(
  allows: readonly Grant[],
  denies: readonly Grant[],
  kind: Kind,
  { include, exclude }: Published,
): Rules {
  return {
    allowed: allows.flatMap((grant) => (grant.everything ? ['*'] : grant[kind])),
    denied: [...denies.flatMap((grant) => grant[kind]), ...(exclude ?? [])],
    include,
  };
}

function test({ allowed, denied, include }: Rules): Test {
  const allows = compileGlobs(allowed);
  const denies = compileGlobs(denied);
  if (include === undefined) return (text) => allows(text) && !denies(text);
  const includes = compileGlobs(include);
  return (text) => allows(text) && includes(text) && !denies(text);
}

const sorted = (globs: readonly string[]): readonly string[] =>
  globs.includes('*') ? ['*'] : [...new Set(globs)].sort();

function viewed({ allowed, denied, include = ['*'] }: Rules): string {
  const sets = [allowed, include, denied].map(sorted);
  const open = sets[0]?.length !== 0 && sets[1]?.length !== 0 && sets[2]?.[0] !== '*';
  return open ? JSON.stringify(sets) : '';
}

function viewOf(server: string, rules: Readonly<Record<Kind, Rules>>): View {
  const [tools, prompts, resources] = [viewed(rules.tools), viewed(rules.prompts), viewed(rules.resources)];
  const nothing = tools === '' && prompts === '' && resources === '';
  return { tools, prompts, resources, key: nothing ? '' : JSON.stringify([server, tools, prompts, resources]) };
}

/** Undefined where nothing is open: no allow, or a deny of everything. */
function compileServer(server: string, grants: readonly Grant[], published: Published): ServerIndex | undefined {
  const allows = grants.filter((grant) => grant.effect === 'allow' && grantsSomething(grant));
  const denies = grants.filter((grant) => grant.effect === 'deny');
  if (allows.length === 0 || denies.some((grant) => grant.everything)) return undefined;
  const tools = rulesOf(allows, denies, 'tools', published);
  const prompts = rulesOf(allows, denies, 'prompts', ALL);
  const resources = rulesOf(allows, denies, 'resources', ALL);
  let view: View | undefined;
  return {
    everything: allows.some((grant) => grant.everything),
    tools: test(tools),
    prompts: test(prompts),
    resources: test(resources),
    view: () => (view ??= viewOf(server, { tools, prompts, resources })),
  };
}

/**
 * Compiles the grants of ONE principal (the caller selects them) for servers that hide some of their tools from everyone; one that is not in
 * `servers` hides none. Order does not matter.
 */
export function compileGrants(grants: readonly Grant[], servers?: Publishing): CompiledGrants {
  const index = new Map<string, ServerIndex>();
  for (const [server, own] of Map.groupBy(grants, (grant) => grant.server)) {
    const compiled = compileServer(server, own, servers?.get(server)?.tools ?? ALL);
    if (compiled) index.set(server, compiled);
  }
  return {
    onServer: (server) => index.has(server),
    everything: (server) => index.get(server)?.everything ?? false,
    mayCall: (server, tool) => index.get(server)?.tools(tool) ?? false,
    mayGet: (server, prompt) => index.get(server)?.prompts(prompt) ?? false,
    mayRead: (server, uri) => index.get(server)?.resources(uri) ?? false,
    view: (server) => index.get(server)?.view() ?? CLOSED,
  };
}

/** What is asked: fields of a scanned message (`Scanned` fits). `method` absent: a response to the server's own request. */
export interface Call {
  readonly method?: string | undefined;
  /** Tool or prompt name, resource URI, task id. */
  readonly target?: string | undefined;
  /** What a completion's target is. */
  readonly ref?: 'prompt' | 'resource' | undefined;
  /** Resources that `subscriptions/listen` asks to hear of; undefined where what it asks for cannot be read. */
  readonly listens?: { readonly uris: readonly string[] } | undefined;
  readonly meta?: { readonly clientCapabilities: { readonly tasks: boolean } | undefined } | undefined;
}

/** How it is asked (a request that has been read fits). */
export interface Asking {
  readonly era?: Era | undefined;
  /** The session id; undefined outside a session. */
  readonly callerSession?: string | undefined;
}

// table
const needs: ReadonlyMap<
  string,
  | 'any-grant'
  | 'tool'
  | 'prompt'
  | 'resource'
  | 'subscription'
  | 'completion'
  | 'listen'
  | 'task'
  | 'legacy-task'
  | 'tasks'
> = new Map([
  ['initialize', 'any-grant'],
  ['ping', 'any-grant'],
  ['server/discover', 'any-grant'],
  ['logging/setLevel', 'any-grant'],
  ['tools/list', 'any-grant'],
  ['prompts/list', 'any-grant'],
  ['resources/list', 'any-grant'],
  ['resources/templates/list', 'any-grant'],
  ['subscriptions/listen', 'listen'],
  ['tools/call', 'tool'],
  ['prompts/get', 'prompt'],
  ['resources/read', 'resource'],
  ['resources/subscribe', 'subscription'],
  ['resources/unsubscribe', 'subscription'],
  ['completion/complete', 'completion'],
  ['tasks/get', 'task'],
  ['tasks/result', 'legacy-task'],
  ['tasks/update', 'task'],
  ['tasks/cancel', 'task'],
  ['tasks/list', 'tasks'],
]);

/**
 * May this principal send this message to this server?
 * `no_grant` without any grant; `*_not_found` for a tool, prompt or resource that is not granted, the same whether it exists or not;
 * `invalid_params` where the target is missing, but `method_not_found` where the revision has no such method (`resources/subscribe`, `tasks/result` since
 * 2026-07-28);
 * `capability_missing` for a task of a client that does not declare that it knows any (SEP-2663; of 2025-11-25 the session knows);
 * `method_not_found` for methods that need `everything`. A task needs no grant of its own: its id opens for the one who started it alone, at the
 * handling gateway. A list of tasks needs a session beside `everything`: outside one, no server can tell whose tasks it lists.
 */
export function permit(grants: CompiledGrants, server: string, call: Call, asking?: Asking): 'allowed' | FaultCode {
  if (!grants.onServer(server)) return 'no_grant';
  if (call.method === undefined || call.method.startsWith('notifications/')) return 'allowed';
  switch (needs.get(call.method)) {
    case 'any-grant':
      return 'allowed';
    case 'tool':
      return named(call.target, 'tool_not_found', (tool) => grants.mayCall(server, tool));
    case 'prompt':
      return named(call.target, 'prompt_not_found', (prompt) => grants.mayGet(server, prompt));
    case 'resource':
      return named(call.target, 'resource_not_found', (uri) => grants.mayRead(server, uri));
    case 'subscription':
      if (call.target === undefined && asking?.era === 'modern') return 'method_not_found';
      return named(call.target, 'resource_not_found', (uri) => grants.mayRead(server, uri));
    case 'legacy-task':
      if (asking?.era === 'modern') return 'method_not_found';
      return named(call.target, 'task_not_found', () => true);
    case 'task':
      if (asking?.era === 'modern' && !call.meta?.clientCapabilities?.tasks) return 'capability_missing';
      return named(call.target, 'task_not_found', () => true);
    case 'tasks':
      return asking?.callerSession !== undefined && grants.everything(server) ? 'allowed' : 'method_not_found';
    case 'completion':
      return completion(grants, server, call);
    case 'listen':
      return listen(grants, server, call);
    default:
      return grants.everything(server) ? 'allowed' : 'method_not_found';
  }
}

function named(target: string | undefined, otherwise: FaultCode, may: Test): 'allowed' | FaultCode {
  if (target === undefined) return 'invalid_params';
  return may(target) ? 'allowed' : otherwise;
}

function completion(grants: CompiledGrants, server: string, call: Call): 'allowed' | FaultCode {
  if (call.ref === 'prompt') return permit(grants, server, { method: 'prompts/get', target: call.target });
  if (call.ref === 'resource') return permit(grants, server, { method: 'resources/read', target: call.target });
  return 'invalid_params';
}

function listen(grants: CompiledGrants, server: string, call: Call): 'allowed' | FaultCode {
  if (!call.listens) return 'invalid_params';
  return call.listens.uris.every((uri) => grants.mayRead(server, uri)) ? 'allowed' : 'resource_not_found';
}
