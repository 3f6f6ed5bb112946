/** One caller cannot take the whole gateway: half of what it holds at once is always for the others, and no more than all of it is taken. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestMesh } from './mesh.ts';
import { call, outcome, post } from './post.ts';
import { plain, request } from './raw-http.ts';
import { answerEcho, Upstream } from './upstream.ts';

const USERS = ['alice', 'bob', 'carol'];
let upstream: Upstream;
let mesh: TestMesh;
const waiting: (() => void)[] = [];
const ask = async (user: string) =>
  outcome(await post(`${mesh.gateway('aws').door}/mcp/near`, call('echo'), { token: mesh.token(user) }));
async function eventually(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}

beforeAll(async () => {
  upstream = await Upstream.start((seen, response) => waiting.push(() => answerEcho(seen, response)));
  mesh = await TestMesh.start({
    gateways: ['aws'],
    servers: { near: { gateway: 'aws', url: upstream.url } },
    grants: USERS.map((user) => ({ user, server: 'near' })),
    limits: { flights: 4 },
  });
});
afterAll(async () => {
  await mesh?.[Symbol.asyncDispose]();
  await upstream?.[Symbol.asyncDispose]();
});

test('half of the bound for one caller, all of it for everyone; what has ended counts no more', async () => {
  const overloaded = { status: 503, body: { error: { data: { code: 'overloaded', hop: 'aws' } } } };
  const answers: ReturnType<typeof ask>[] = [];
  const held = async (user: string) => {
    answers.push(ask(user));
    await eventually(() => waiting.length === answers.length);
  };
  await held('alice');
  await held('alice');
  expect(await ask('alice')).toMatchObject(overloaded);
  await held('bob');
  await held('bob');
  expect(await ask('carol')).toMatchObject(overloaded);
  for (const finish of waiting) finish();
  for (const { status } of await Promise.all(answers)) expect(status).toBe(200);
  const again = ask('alice');
  await eventually(() => waiting.length === answers.length + 1);
  waiting.at(-1)?.();
  expect((await again).status).toBe(200);
});

test('bodies that come slowly are held of their own caller alone, and those refused count for nobody', async () => {
  const { audit, loopback, server } = mesh.gateway('aws');
  audit.records.length = 0;
  const head = request([
    'POST /mcp/near HTTP/1.1',
    'host: localhost',
    `authorization: Bearer ${mesh.token('alice')}`,
    'content-type: application/json',
    'content-length: 100',
  ]);
  const slow = Array.from({ length: 5 }, () => plain(loopback.port));
  for (const socket of slow) socket.write(`${head}{`);
  await eventually(() => audit.records.filter(({ code }) => code === 'overloaded').length === 3);
  const before = waiting.length;
  const answer = ask('bob');
  await Promise.race([answer, eventually(() => waiting.length > before)]);
  waiting.at(-1)?.();
  expect((await answer).status).toBe(200);
  for (const socket of slow) socket.destroy();
  await eventually(() => server.flights.size === 0);
});
