/**
 * The ways through gateways, on a real local federation with everything on: authentication, grants, audit to disk and
 * to the control plane, metrics, mutual TLS between gateways. The bench registers its upstream twice, once behind the
 * entry gateway and once behind another, with a user and grants of its own, and removes all of it afterwards.
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { LocalFile } from '../test/harness/federation.ts';
import { type Door, requestMessage, revision, toolName } from './call.ts';
import { type Changes, measureChanges } from './changes.ts';
import { ControlPlaneApi } from './control-plane-api.ts';
import { openLocalStack } from './local-stack.ts';
import type { Options } from './options.ts';
import { measureStreams, type Streams } from './streams.ts';
import type { Account, Target } from './target.ts';

export interface Joined extends AsyncDisposable {
  readonly targets: readonly Target[];
  measureChanges(count: number, signal: AbortSignal): Promise<Changes | undefined>;
  measureStreams(count: number, signal: AbortSignal): Promise<Streams | undefined>;
}

const entry = 'aws';
const remote = 'azure';
const principal = { kind: 'user', name: 'bench' } as const;
const near = 'bench-near';
const far = 'bench-far';

/** Rejects when there is no federation to join or `signal` aborts; leaves nothing behind then. */
export async function joinFederation(options: Options, upstreamPort: number, signal: AbortSignal): Promise<Joined> {
  await using opened = new AsyncDisposableStack();
  const { local } = opened.use(await openLocalStack(options, signal));
  const api = new ControlPlaneApi(local.controlPlane.url, local.adminToken);
  const url = `http://127.0.0.1:${upstreamPort}/mcp`;
  await register(opened, api, url);
  const token = await issueToken(opened, api);
  const doors = [doorOf(local, near, token), doorOf(local, far, token)] as const;
  for (const door of doors) await answering(door, options.era, signal);
  const held = opened.move();
  return {
    targets: targetsOf(local, doors),
    measureChanges: (count, until) =>
      measureChanges(api, local, { body: { url, gateway: entry }, count, signal: until }),
    measureStreams: (count, until) => measureStreams({ ...streamingAt(local, doors), count, signal: until }),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

/** What is deferred is undone in reverse order: grants before the servers and the user that they name. */
async function register(opened: AsyncDisposableStack, api: ControlPlaneApi, url: string): Promise<void> {
  const put = async (path: string, body: object) => {
    await api.put(path, body);
    opened.defer(() => api.remove(path).then(() => {}));
  };
  await put(`/users/${principal.name}`, { displayName: 'The bench' });
  for (const [server, gateway] of [
    [near, entry],
    [far, remote],
  ] as const) {
    await put(`/mcp-servers/${server}`, { url, gateway, description: 'The upstream of `npm run bench`.' });
    await put(`/grants/${server}`, { principal, server, everything: true });
  }
}

async function issueToken(opened: AsyncDisposableStack, api: ControlPlaneApi): Promise<string> {
  const body = { principal, description: 'npm run bench', expiresInSeconds: 4 * 3600 };
  const { id, token } = (await api.post('/tokens', body)) as { id: string; token: string };
  opened.defer(() => api.remove(`/tokens/${id}`).then(() => {}));
  return token;
}

function doorOf(local: LocalFile, server: string, token: string): Door {
  const { hostname, port } = new URL(local.gateways[entry]?.url ?? '');
  return { host: hostname, port: Number(port), path: `/mcp/${server}`, token };
}

function streamingAt(local: LocalFile, [plain, far]: readonly [Door, Door]) {
  const { hostname, port } = new URL(local.gateways[entry]?.tlsUrl ?? '');
  const tls = { ...far, host: hostname, port: Number(port) };
  return { plain, tls, caFile: local.caFile, pid: pidOf(local, `gateway-${entry}`) };
}

function pidOf(local: LocalFile, name: string): number {
  const found = local.processes.find((process) => process.name === name);
  if (!found) throw new Error(`local.json knows no process ${name}`);
  return found.pid;
}

/** The registration is in force once a call succeeds: 20 s at most. */
async function answering(door: Door, era: Options['era'], signal: AbortSignal): Promise<void> {
  let last = '';
  for (const end = performance.now() + 20_000; performance.now() < end; await wait(50, undefined, { signal })) {
    const answer = await callOnce(door, era);
    if (answer.startsWith('200 {') && answer.includes('"result"')) return;
    last = answer;
  }
  throw new Error(`${door.path} at the entry gateway did not answer a call within 20 s; its last answer: ${last}`);
}

async function callOnce(door: Door, era: Options['era']): Promise<string> {
  const mirrored = era === 'modern' ? { 'mcp-method': 'tools/call', 'mcp-name': toolName } : {};
  const answer = await fetch(`http://${door.host}:${door.port}${door.path}`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${door.token}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': revision[era],
      ...mirrored,
    },
    body: JSON.stringify(requestMessage(era, 1)),
  });
  return `${answer.status} ${(await answer.text()).slice(0, 2000)}`;
}

function targetsOf(local: LocalFile, [nearDoor, farDoor]: readonly [Door, Door]): Target[] {
  const account = (name: string): Account => ({ name, pids: [pidOf(local, name)] });
  const beside = [account('control-plane'), account('nats')];
  return [
    { name: 'one gateway', door: nearDoor, inTheWay: [account(`gateway-${entry}`)], beside },
    {
      name: 'two gateways',
      door: farDoor,
      inTheWay: [account(`gateway-${entry}`), account(`gateway-${remote}`)],
      beside,
    },
  ];
}
