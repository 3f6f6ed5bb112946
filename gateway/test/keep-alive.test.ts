/** TCP's own keep-alive, as the kernel shows it: whoever vanishes without a word is noticed on every socket of a call, the quiet ones above all. */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestMesh } from './mesh.ts';
import { jsonHeaders } from './post.ts';
import { Upstream } from './upstream.ts';

/** Of /proc/net/tcp: the kind of timer that runs, and the unit of its time, a second (proc(5)). */
const KEEP_ALIVE = '02';
const USER_HZ = 100;

let upstream: Upstream;
let mesh: TestMesh;
beforeAll(async () => {
  upstream = await Upstream.start((_seen, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
  });
  mesh = await TestMesh.start({
    gateways: ['aws', 'azure'],
    servers: { far: { gateway: 'azure', url: upstream.url } },
    grants: [{ user: 'alice', server: 'far' }],
  });
});
afterAll(async () => {
  await mesh?.[Symbol.asyncDispose]();
  await upstream?.[Symbol.asyncDispose]();
});

interface Timer {
  readonly local: number;
  readonly remote: number;
  readonly kind: string;
  readonly seconds: number;
}

/** Of the connections of this machine that are established. */
async function timers(): Promise<readonly Timer[]> {
  const lines = (await readFile('/proc/net/tcp', 'utf8')).trim().split('\n').slice(1);
  const port = (address = ''): number => Number.parseInt(address.split(':')[1] ?? '', 16);
  return lines
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , state]) => state === '01')
    .map(([, local, remote, , , timer = '']) => {
      const [kind = '', when = ''] = timer.split(':');
      return { local: port(local), remote: port(remote), kind, seconds: Number.parseInt(when, 16) / USER_HZ };
    });
}

test('it runs after 30 s, on every socket that a gateway accepts or dials', async () => {
  if (process.platform !== 'linux') return; // no other system shows its timers
  const [aws, azure] = [mesh.gateway('aws'), mesh.gateway('azure')];
  const leaving = new AbortController();
  await fetch(`${aws.door}/mcp/far`, {
    headers: { ...jsonHeaders, authorization: `Bearer ${mesh.token('alice')}` },
    signal: leaving.signal,
  });
  const sockets: Readonly<Record<string, (timer: Timer) => boolean>> = {
    'the caller, accepted': ({ local }) => local === aws.loopback.port,
    'the link, dialled': ({ remote }) => remote === azure.tls.port,
    'the link, accepted': ({ local }) => local === azure.tls.port,
    'the server, dialled': ({ remote }) => remote === upstream.port,
  };
  for (const [which, isIt] of Object.entries(sockets)) {
    // while bytes wait to be acknowledged another timer runs
    const kinds = async () => (await timers()).filter(isIt).map(({ kind, seconds }) => [which, kind, seconds <= 30]);
    await expect.poll(kinds).toEqual([[which, KEEP_ALIVE, true]]);
  }
  leaving.abort();
});
