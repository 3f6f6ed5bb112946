/** What a gateway that handles calls may do wrong on a link: each call on it is told which hop failed, and the next one has a new link. */
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { FRAME } from '../adapters/link/frames.ts';
import { anyFrames } from './any-frames.ts';
import { peerIs, TestMesh } from './mesh.ts';
import { credentials } from './mesh-authority.ts';
import { call, outcome, post } from './post.ts';
import { type RawLink, type RawLinkServer, rawLinkServer } from './raw-link.ts';
import { Upstream } from './upstream.ts';

const PATIENCE_MS = 200;
const IDLE_MS = 2_000;

let upstream: Upstream;
let mesh: TestMesh;
/** Takes the place of azure. */
let azure: RawLinkServer;
/** What it does once a whole request has come. */
let behave: (link: RawLink, stream: number) => void;
let answersPings: boolean;

beforeAll(async () => {
  upstream = await Upstream.start();
  mesh = await TestMesh.start({
    gateways: ['aws', 'azure'],
    servers: { far: { gateway: 'azure', url: upstream.url } },
    grants: [{ user: 'alice', server: 'far' }],
    connectTimeoutMs: PATIENCE_MS,
    limits: { idleMs: IDLE_MS },
  });
  azure = await rawLinkServer(await credentials(mesh.authority, 'test', 'azure'), (link, { last, stream, type }) => {
    if (type === FRAME.ping && answersPings) link.send(FRAME.pong, 0);
    if (type === FRAME.data && last) behave(link, stream);
  });
  await mesh.apply(peerIs('azure', { dial: `127.0.0.1:${azure.port}` }));
});
afterAll(async () => {
  await mesh?.[Symbol.asyncDispose]();
  await azure?.[Symbol.asyncDispose]();
  await upstream?.[Symbol.asyncDispose]();
});
beforeEach(() => {
  behave = answer;
  answersPings = true;
});

const json = ['content-type', 'application/json'];
const pong = JSON.stringify({ jsonrpc: '2.0', id: 1, result: { content: [] } });
function answer(link: RawLink, stream: number): void {
  link.head(stream, ['200', ...json]);
  link.send(FRAME.data, stream, pong, true);
}
const ask = () => post(`${mesh.gateway('aws').door}/mcp/far`, call('echo'), { token: mesh.token('alice') });
const far = async () => outcome(await ask());
const failure = (status: number, code: string) => ({ status, body: { error: { data: { code, hop: 'azure' } } } });

test('who answers is understood', async () => {
  expect(await far()).toEqual({ status: 200, body: JSON.parse(pong) });
  expect(await far()).toMatchObject({ status: 200 });
  expect(azure.links).toHaveLength(1);
});

const wrongs: Record<string, (link: RawLink, stream: number) => void> = {
  'data before the head': (link, stream) => link.send(FRAME.data, stream, pong, true),
  'a fault before the head': (link, stream) => link.send(FRAME.fault, stream, 'internal', true),
  'a second head': (link, stream) => {
    link.head(stream, ['200', ...json]);
    link.head(stream, ['200', ...json]);
  },
  'no status': (link, stream) => link.head(stream, ['', ...json], true),
  'a status that is none': (link, stream) => link.head(stream, ['2000', ...json], true),
  'a status of its own connection': (link, stream) => link.head(stream, ['101', ...json], true),
  'NUL in a header': (link, stream) => link.head(stream, ['200', ...json, 'x-a', '\0'], true),
  'a header twice': (link, stream) => link.head(stream, ['200', ...json, ...json], true),
  'bytes that are no frame': (link) => link.bytes('HTTP/1.1 400 Bad Request\r\n\r\n'),
  'a stream that nobody opened': (link, stream) => link.send(FRAME.data, stream + 2, pong, true),
  'a request': (link) => link.head(2, ['POST', '/mcp/far'], true),
  'a window that is too wide': (link, stream) => link.send(FRAME.window, stream, '\x7f\xff\xff\xff'),
  'the end of the connection': (link) => link.socket.destroy(),
};

test.each(Object.keys(wrongs))('%s: 502 peer_failed, and the next call has a new link', async (what) => {
  const before = azure.links.length;
  await far();
  const { lines } = mesh.gateway('aws').log;
  lines.length = 0;
  behave = wrongs[what] ?? answer;
  expect(await far()).toMatchObject(failure(502, 'peer_failed'));
  const broken = lines.filter(({ message }) => message === 'a link has broken');
  expect(broken).toMatchObject([{ level: 'warn', fields: { peer: 'azure', err: expect.any(Error) } }]);
  behave = answer;
  expect(await far()).toMatchObject({ status: 200 });
  expect(azure.links.length - before).toBeLessThanOrEqual(2);
});

test('a reset ends the call, and not the link', async () => {
  await far();
  const before = azure.links.length;
  behave = (link, stream) => link.send(FRAME.reset, stream, '', true);
  expect(await far()).toMatchObject(failure(502, 'peer_failed'));
  behave = answer;
  expect(await far()).toMatchObject({ status: 200 });
  expect(azure.links).toHaveLength(before);
});

test('a gateway that asks to be left ends what it has begun, and is dialled anew', async () => {
  await far();
  const before = azure.links.length;
  behave = (link, stream) => {
    link.send(FRAME.leave, 0);
    answer(link, stream);
  };
  expect(await far()).toMatchObject({ status: 200 });
  await azure.links.at(-1)?.closed;
  behave = answer;
  expect(await far()).toMatchObject({ status: 200 });
  expect(azure.links).toHaveLength(before + 1);
});

test('who lives, and never answers: 504 peer_timeout, and it is told to stop', async () => {
  const asked = Promise.withResolvers<[RawLink, number]>();
  behave = (...what) => asked.resolve(what);
  const started = performance.now();
  expect(await far()).toMatchObject(failure(504, 'peer_timeout'));
  expect(performance.now() - started).toBeGreaterThan(IDLE_MS);
  const [link, stream] = await asked.promise;
  expect(link.of(0, FRAME.ping).length).toBeGreaterThan(5);
  behave = answer;
  expect(await far()).toMatchObject({ status: 200 });
  expect(link.of(stream, FRAME.reset)).toHaveLength(1);
});

test('who does not even answer pings is down, much sooner', async () => {
  answersPings = false;
  behave = () => undefined;
  const started = performance.now();
  expect(await far()).toMatchObject(failure(502, 'peer_down'));
  expect(performance.now() - started).toBeLessThan(IDLE_MS);
});

test('who falls silent in the middle of an answer: the caller is told on the stream', async () => {
  behave = (link, stream) => {
    link.head(stream, ['200', 'content-type', 'text/event-stream']);
    link.send(FRAME.data, stream, ': open\n\n');
  };
  const reply = await ask();
  expect(reply.status).toBe(200);
  expect(await reply.text()).toMatch(/^: open\n\nevent: message\ndata: .*"code":"peer_timeout","hop":"azure"/);
});

test('a link that is an hour old is replaced, and costs no call', async () => {
  await far();
  const [before, link] = [azure.links.length, azure.links.at(-1)];
  const now = performance.now.bind(performance);
  const later = vi.spyOn(performance, 'now').mockImplementation(() => now() + 3_600_000);
  expect(await far()).toMatchObject({ status: 200 }); // over the old one, which goes when there is a new one
  later.mockRestore();
  await link?.closed;
  expect(await far()).toMatchObject({ status: 200 });
  expect(azure.links).toHaveLength(before + 1);
});

test('whatever comes for an answer, the call ends and the next one is answered', { timeout: 120_000 }, async () => {
  const run = async (sent: readonly Buffer[]) => {
    behave = (link) => {
      for (const bytes of sent) link.bytes(bytes);
      link.socket.end();
    };
    await ask()
      .then((reply) => reply.text())
      .catch(() => 'cut');
    behave = answer;
    expect(await far()).toMatchObject({ status: 200 });
  };
  const heads = [['200', ...json].join('\n'), '200\ncontent-type\ntext/event-stream'];
  await fc.assert(fc.asyncProperty(anyFrames([...heads, pong, 'upstream_failed']), run), { numRuns: 200 });
  expect(mesh.gateway('aws').server.flights.size).toBe(0);
});
