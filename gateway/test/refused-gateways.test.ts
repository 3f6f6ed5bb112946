/** Peers that are not who they must be, and callers who claim to be one: refused, noted, and nothing of them reaches a server. */
import { HOP_HEADER, writeHop } from '@portolan/core';
import { describe, expect, test } from 'vitest';
import { hopHeaders } from './hop-headers.ts';
import { FEDERATION } from './mesh.ts';
import { credentials, makeAuthority } from './mesh-authority.ts';
import { call } from './post.ts';
import { asPeer, exchange, plain, request } from './raw-http.ts';
import { threeClouds } from './three-clouds.ts';

const world = threeClouds();
const { aws, azure } = world;

describe('gateways that are not who they must be', () => {
  const body = JSON.stringify(call('echo'));
  const hopLines = (entry: string, to: string) => {
    const [hop, hopValue, caller, callerValue] = hopHeaders(world.mesh, { entry, to });
    return [`${hop}: ${hopValue}`, `${caller}: ${callerValue}`];
  };
  const bytes = (lines: readonly string[]) =>
    request(
      ['POST /mcp/far HTTP/1.1', 'host: azure.test.mesh.internal', 'content-type: application/json', ...lines],
      body,
    );

  test('the true one passes', async () => {
    const reply = await exchange(asPeer(azure(), aws().identity.current()), bytes(hopLines('aws', 'azure')));
    expect(reply.status).toBe(200);
  });

  test.each([
    'another CA',
    'no certificate',
    'expired',
    'not yet valid',
    'two names',
    'another federation',
    'no mesh name',
    'server use only',
  ])('%s: 403 peer_certificate', async (what) => {
    const { authority } = world.mesh;
    const uri = (value: string) => ({ type: 'url' as const, value });
    const aside = `spiffe://${FEDERATION}/gateway/`;
    const own = {
      'another CA': async () => credentials(await makeAuthority('mesh root'), FEDERATION, 'aws'),
      'no certificate': async () => undefined,
      expired: () =>
        credentials(authority, FEDERATION, 'aws', {
          notBefore: new Date(Date.now() - 9e6),
          notAfter: new Date(Date.now() - 1000),
        }),
      'not yet valid': () =>
        credentials(authority, FEDERATION, 'aws', {
          notBefore: new Date(Date.now() + 9e6),
          notAfter: new Date(Date.now() + 18e6),
        }),
      'two names': () => credentials(authority, FEDERATION, 'aws', { sans: [uri(`${aside}aws`), uri(`${aside}gcp`)] }),
      'another federation': () => credentials(authority, 'elsewhere', 'aws'),
      'no mesh name': () =>
        credentials(authority, FEDERATION, 'aws', { sans: [{ type: 'dns', value: `x, URI:${aside}aws` }] }),
      'server use only': () => credentials(authority, FEDERATION, 'aws', { usages: ['1.3.6.1.5.5.7.3.1'] }),
    }[what];
    const reply = await exchange(asPeer(azure(), await own?.()), bytes(hopLines('aws', 'azure')));
    expect({ status: reply.status, ...reply.json() }).toMatchObject({
      status: 403,
      id: 1,
      error: { code: 40301, data: { code: 'peer_certificate', hop: 'azure' } },
    });
    expect(azure().audit).toMatchObject({
      records: [],
      notes: [{ code: 'peer_certificate', status: 'refused', http_status: 403, gateway: 'azure' }],
    });
    expect(world.upstream.seen).toEqual([]);
  });

  test('a valid one of a gateway that the registry has retired: 403 peer_unknown, and its open connections are cut', async () => {
    const own = aws().identity.current();
    const open = asPeer(azure(), own);
    await new Promise((resolve) => open.once('secureConnect', resolve));
    await exchange(asPeer(azure(), own), bytes(hopLines('aws', 'azure'))); // the open one has been accepted before
    const cut = new Promise((resolve) => open.once('close', resolve));
    await world.mesh.apply((tables) => ({ ...tables, peers: tables.peers.filter((peer) => peer.name !== 'aws') }));
    await cut;
    const reply = await exchange(asPeer(azure(), own), bytes(hopLines('aws', 'azure')));
    expect({ status: reply.status, ...reply.json() }).toMatchObject({
      status: 403,
      error: { code: 40302, message: 'This gateway is not an active peer of gateway azure.' },
    });
    expect(azure().audit.notes).toMatchObject([{ code: 'peer_unknown' }]);
  });

  test('a revoked one of an active gateway: 403', async () => {
    await world.mesh.apply((tables) => ({
      ...tables,
      peers: tables.peers.map((peer) => ({ ...peer, minIssuedAt: Date.now() })),
    }));
    const reply = await exchange(asPeer(azure(), aws().identity.current()), bytes(hopLines('aws', 'azure')));
    expect({ status: reply.status, ...reply.json() }).toMatchObject({
      status: 403,
      error: { data: { code: 'peer_certificate' } },
    });
  });

  test('a mesh certificate on the public name makes no peer', async () => {
    const socket = asPeer(azure(), aws().identity.current(), { servername: 'localhost' });
    const reply = await exchange(
      socket,
      bytes(hopLines('aws', 'azure')).replace('azure.test.mesh.internal', 'localhost'),
    );
    expect({ status: reply.status, ...reply.json() }).toMatchObject({
      status: 400,
      error: { data: { code: 'hop_header_spoofed' } },
    });
  });

  test('a hop proof replayed at another gateway: 403 proof_invalid', async () => {
    await world.mesh.apply((tables) => ({
      ...tables,
      servers: [
        ...tables.servers,
        { name: 'other', gateway: 'gcp', proxyUrl: world.mesh.url('gcp'), url: world.upstream.url },
      ],
    }));
    const replayed = bytes(hopLines('aws', 'azure'))
      .replace('/mcp/far', '/mcp/other')
      .replace('azure.test', 'gcp.test');
    const reply = await exchange(asPeer(world.mesh.gateway('gcp'), aws().identity.current()), replayed);
    expect({ status: reply.status, ...reply.json() }).toMatchObject({
      status: 403,
      error: { code: 40303, message: 'The proof of the caller does not hold at gateway gcp.' },
    });
    expect(world.mesh.gateway('gcp').audit.notes).toMatchObject([{ code: 'proof_invalid', token_id: null }]);
  });

  test.each(['a stolen gateway speaks for another', 'no hop headers', 'hop header torn', 'hop header twice'])(
    '%s: 400 hop_header_malformed',
    async (what) => {
      const [hop = '', caller = ''] = hopLines('aws', 'azure');
      const lines = {
        'a stolen gateway speaks for another': hopLines('gcp', 'azure'),
        'no hop headers': [],
        'hop header torn': [hop.replace(', deadline', ''), caller],
        'hop header twice': [hop, hop, caller],
      }[what];
      const reply = await exchange(asPeer(azure(), aws().identity.current()), bytes(lines ?? []));
      expect({ status: reply.status, ...reply.json() }).toMatchObject({
        status: 400,
        error: { data: { code: 'hop_header_malformed' } },
      });
    },
  );

  test('more than one hop, or our own name on the way: 508', async () => {
    const [hop = '', caller = ''] = hopLines('aws', 'azure');
    for (const lines of [
      [hop.replace('hops=1', 'hops=2'), caller],
      [hop.replace('("aws")', '("aws" "azure")'), caller],
    ]) {
      const reply = await exchange(asPeer(azure(), aws().identity.current()), bytes(lines));
      expect(reply.status).toBe(508);
    }
  });

  test.each(['portolan-hop', 'Portolan-Caller', 'PORTOLAN-fault', 'portolan-anything'])(
    '%s from a client: 400, over the door and over TLS',
    async (name) => {
      const hop = writeHop({
        id: '01a1fe4b-6825-788d-aa3a-b59672337b7c',
        entry: 'aws',
        hops: 1,
        via: ['aws'],
        deadlineMs: 1,
      });
      const lines = [
        'POST /mcp/far HTTP/1.1',
        'host: localhost',
        'content-type: application/json',
        `authorization: Bearer ${world.mesh.token('alice')}`,
      ];
      const value = name === HOP_HEADER ? hop : 'x';
      const sent = request([...lines, `${name}: ${value}`], body);
      for (const socket of [plain(azure().loopback.port), asPeer(azure(), undefined, { servername: 'localhost' })]) {
        const reply = await exchange(socket, sent);
        expect({ status: reply.status, ...reply.json() }).toMatchObject({
          status: 400,
          error: { data: { code: 'hop_header_spoofed' } },
        });
      }
      expect(azure().audit.notes).toHaveLength(2);
      expect(world.upstream.seen).toEqual([]);
    },
  );
});
