/** Attack: a page of a foreign origin calls, with a token that it got hold of or by the preflight of its browser. 403, and no word that it could read. */
import { expect, test } from 'vitest';
import { APP, edged } from './edges.ts';

const world = edged();

const origins = [
  'https://evil.example',
  'null',
  '',
  '*',
  `${APP}.evil.example`,
  `${APP}:8443`,
  `${APP}/`,
  APP.replace('https', 'http'),
  APP.toUpperCase(),
  `${APP}, https://evil.example`,
  'https://mcp.example.com',
  'http://localhost.evil.example',
  'http://localhost@evil.example',
  'https://evil.example#localhost',
  'file://',
];
const doors = ['tls', 'loopback'] as const;

test.each(doors.flatMap((door) => origins.map((origin) => [door, origin] as const)))('%s, %j', async (door, origin) => {
  const call = await world.send(door, [`origin: ${origin}`]);
  const asking = [`origin: ${origin}`, 'access-control-request-method: POST'];
  const preflight = await world.send(door, asking, { method: 'OPTIONS', token: undefined });
  for (const reply of [call, preflight]) {
    expect({ status: reply.status, code: reply.json().error.data.code }).toEqual({
      status: 403,
      code: 'origin_refused',
    });
    expect([...reply.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
  }
  const { audit } = world.mesh.gateway('aws');
  expect(audit.notes).toMatchObject([{ code: 'origin_refused' }, { code: 'origin_refused' }]);
  expect(world.upstream.seen).toEqual([]);
});

test('Origin twice', async () => {
  const reply = await world.send('tls', [`origin: ${APP}`, 'Origin: https://evil.example']);
  expect(reply.status).toBe(403);
  expect(world.upstream.seen).toEqual([]);
});
