/** The mesh's TLS: who is believed on both ends of a hop, what changes under open connections, and that no session is resumed. */
import { connect } from 'node:tls';
import { meshName } from '@portolan/core';
import { expect, test } from 'vitest';
import { FEDERATION } from './mesh.ts';
import { credentials, makeAuthority, spiffe } from './mesh-authority.ts';
import { call, outcome } from './post.ts';
import { asPeer } from './raw-http.ts';
import { threeClouds } from './three-clouds.ts';

const world = threeClouds();
const { ask, aws, azure } = world;
const far = async () => outcome(await ask('/mcp/far', call('echo')));
const shaken = (socket: ReturnType<typeof asPeer>) => new Promise((resolve) => socket.once('secureConnect', resolve));

test('TLS 1.3 alone, on both names', async () => {
  for (const servername of ['localhost', meshName('azure', FEDERATION)]) {
    const old = connect({
      host: '127.0.0.1',
      port: azure().tls.port,
      servername,
      rejectUnauthorized: false,
      maxVersion: 'TLSv1.2',
    });
    await expect(
      new Promise((resolve, reject) => old.once('secureConnect', resolve).once('error', reject)),
    ).rejects.toThrow(/version|protocol|alert/i);
    old.destroy();
  }
});

test('each name shows its own certificate; no name, the public one', async () => {
  const shown = async (servername: string | undefined) => {
    const socket = asPeer(azure(), undefined, { ...(servername === undefined ? { servername: '' } : { servername }) });
    await shaken(socket);
    const san = socket.getPeerCertificate().subjectaltname;
    socket.destroy();
    return san;
  };
  const uri = spiffe(FEDERATION, 'azure')?.[0]?.value;
  expect(await shown(meshName('azure', FEDERATION))).toBe(`URI:${uri}`);
  expect(await shown(meshName('azure', FEDERATION).toUpperCase())).toBe(`URI:${uri}`);
  for (const name of ['localhost', 'elsewhere.example', undefined]) expect(await shown(name)).toBe('DNS:localhost');
});

test('no session is resumed, on either name', async () => {
  for (const servername of [meshName('azure', FEDERATION), 'localhost']) {
    const own = aws().identity.current();
    let session: Buffer | undefined;
    const first = asPeer(azure(), own, { servername });
    first.on('session', (ticket) => (session = ticket));
    await shaken(first);
    first.write('GET /x HTTP/1.1\r\nhost: localhost\r\n\r\n');
    await new Promise((resolve) => first.once('data', resolve));
    first.destroy();
    const second = asPeer(azure(), own, { servername, ...(session && { session }) });
    await shaken(second);
    expect(second.isSessionReused()).toBe(false);
    second.destroy();
  }
});

test.each([
  ['another gateway', 'peer_untrusted'],
  ['another federation', 'peer_untrusted'],
  ['another CA', 'peer_untrusted'],
  ['expired', 'peer_untrusted'],
  // without one it has no mesh name, and takes nobody on it
  ['no certificate of the mesh', 'peer_down'],
])('what answers for azure is %s: nothing is sent to it (%s)', async (what, code) => {
  const { authority } = world.mesh;
  const before = azure().identity.current();
  const imposter = {
    'another gateway': () => credentials(authority, FEDERATION, 'azure', { sans: spiffe(FEDERATION, 'gcp') ?? [] }),
    'another federation': () =>
      credentials(authority, FEDERATION, 'azure', { sans: spiffe('elsewhere', 'azure') ?? [] }),
    'another CA': async () => credentials(await makeAuthority('mesh root'), FEDERATION, 'azure'),
    expired: () =>
      credentials(authority, FEDERATION, 'azure', {
        notBefore: new Date(Date.now() - 9e6),
        notAfter: new Date(Date.now() - 1e3),
      }),
    'no certificate of the mesh': async () => undefined,
  }[what];
  azure().identity.set(await imposter?.());
  aws().identity.set(aws().identity.current()); // new connections
  try {
    expect(await far()).toMatchObject({
      status: 502,
      body: { id: 1, error: { data: { code, hop: 'azure' } } },
    });
    expect(azure().audit).toMatchObject({ records: [], notes: [] });
    expect(world.upstream.seen).toEqual([]);
  } finally {
    azure().identity.set(before);
  }
});

test('a renewed certificate is used by the next connection, on both ends, while calls go on', async () => {
  const { authority } = world.mesh;
  const calls = Array.from({ length: 40 }, async (_, i) => {
    if (i === 10) azure().identity.set(await credentials(authority, FEDERATION, 'azure'));
    if (i === 20) aws().identity.set(await credentials(authority, FEDERATION, 'aws'));
    return (await far()).status;
  });
  expect(await Promise.all(calls)).toEqual(Array(40).fill(200));
});

test('a root is rotated without a lost call; when the old one goes, so do the connections that rest on it', async () => {
  const next = await makeAuthority('next mesh root');
  const old = world.mesh.authority;
  const both = [old.pem, next.pem];
  const move = async (name: 'aws' | 'azure', issuer: typeof old, ca: readonly string[]) =>
    world.mesh.gateway(name).identity.set({ ...(await credentials(issuer, FEDERATION, name)), ca });
  for (const name of ['aws', 'azure'] as const) await move(name, old, both);
  expect((await far()).status).toBe(200);
  const resting = asPeer(azure(), aws().identity.current());
  await shaken(resting);
  await far(); // the gateway has accepted it by now
  for (const name of ['aws', 'azure'] as const) {
    await move(name, next, both);
    expect((await far()).status).toBe(200);
  }
  expect(resting.destroyed).toBe(false);
  const cut = new Promise((resolve) => resting.once('close', resolve));
  for (const name of ['aws', 'azure'] as const) await move(name, next, [next.pem]);
  await cut;
  expect((await far()).status).toBe(200);
  for (const name of ['aws', 'azure'] as const) await move(name, old, [old.pem]);
});

test('a connection ends with the life of its certificate', async () => {
  const short = await credentials(world.mesh.authority, FEDERATION, 'aws', {
    notAfter: new Date(Math.ceil(Date.now() / 1000) * 1000 + 1000),
  });
  const socket = asPeer(azure(), short);
  await shaken(socket);
  await new Promise((resolve) => socket.once('close', resolve));
  expect(Date.now()).toBeGreaterThanOrEqual(short.notAfter - 5);
});

test('a new public certificate is shown without a new socket', async () => {
  const { publicAuthority } = world.mesh;
  azure().certificate.set(await publicAuthority.leaf({ sans: [{ type: 'dns', value: 'renewed.example' }] }));
  const socket = asPeer(azure(), undefined, { servername: 'localhost' });
  await shaken(socket);
  expect(socket.getPeerCertificate().subjectaltname).toBe('DNS:renewed.example');
  socket.destroy();
  azure().certificate.set({ key: 'nonsense', chain: 'nonsense' }); // the one in use stays
  expect((await far()).status).toBe(200);
  expect(azure().log.lines.some((line) => line.level === 'error')).toBe(true);
});
