/** Who learns what: each gateway's view holds what it needs and nothing that only another one needs. */
import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { tablesOf } from '../test/world.ts';
import {
  type Content,
  contentHash,
  digestOf,
  draftOf,
  MESSAGE_LIMIT,
  messagesOf,
  payloadOf,
  signDocument,
} from './document.ts';
import type { GatewayRow, RegistryRows } from './registry-rows.ts';
import { renderTables } from './render-tables.ts';
import { planKeys } from './sealing-keys.ts';

const DAY = 86_400_000;
const gateway = (name: string, active = true): GatewayRow => ({
  name,
  url: `https://${name}`,
  dial: `${name}:443`,
  active,
  minIssuedAt: 7,
});
const server = (name: string, at: string) => ({
  name,
  url: `http://${name}.internal`,
  gateway: at,
  description: name === 'm365' ? 'mail' : null,
  settings: name === 'm365' ? { tools: { exclude: ['delete_*'] } } : {},
});
const token = (id: string) =>
  ({
    id,
    kind: 'pat',
    principal: { kind: 'user', name: 'alice' },
    sha256: Buffer.from(id),
    sealedHopKey: Buffer.alloc(0),
    expiresAt: 9,
  }) as const;
const world: RegistryRows = {
  gateways: [gateway('aws'), gateway('azure'), gateway('gcp'), gateway('old', false)],
  pairs: [
    ['aws', 'azure'],
    ['aws', 'old'],
    ['azure', 'gcp'],
  ],
  servers: [server('analytics', 'aws'), server('m365', 'azure'), server('orphan', 'old')],
  grants: [],
  tokens: [token('a'), token('b')],
};
const view = (name: string) =>
  renderTables(world, world.gateways.find((one) => one.name === name) ?? gateway(name), (id) =>
    id === 'b' ? undefined : `proof-${id}-${name}`,
  );

test('peers are the active ones of its own pairs', () => {
  expect(view('aws').peers).toEqual([{ name: 'azure', url: 'https://azure', dial: 'azure:443', minIssuedAt: 7 }]);
  expect(view('azure').peers.map(({ name }) => name)).toEqual(['aws', 'gcp']);
});

test('upstream URLs are there for its own servers only, settings for everyone; a server of a gateway that is gone is nowhere', () => {
  expect(view('aws').servers).toEqual([
    { name: 'analytics', proxyUrl: 'https://aws', gateway: 'aws', url: 'http://analytics.internal' },
    {
      name: 'm365',
      proxyUrl: 'https://azure',
      gateway: 'azure',
      description: 'mail',
      tools: { exclude: ['delete_*'] },
    },
  ]);
  expect(JSON.stringify(view('gcp'))).not.toContain('internal');
});

test('proofs are for its own name; a token whose hop key does not open is left out', () => {
  expect(view('aws').tokens).toEqual([
    {
      id: 'a',
      kind: 'pat',
      principal: { kind: 'user', name: 'alice' },
      secretSha256: 'YQ',
      proofSha256: 'proof-a-aws',
      expiresAt: 9,
    },
  ]);
});

test('a retired gateway learns nothing', () => {
  expect(view('old')).toEqual({ peers: [], servers: [], grants: [], tokens: [] });
});

const content = (tokens = 0): Content => ({
  federation: 'test',
  gateway: 'aws',
  url: 'https://aws',
  maxStalenessMs: 1,
  caBundle: ['x'],
  snapshotKeys: [{}],
  sealingKeys: [{ kid: 'k', createdAt: 1, sealed: { r1: Math.random().toString() } }],
  tables: {
    ...view('aws'),
    tokens: Array.from(
      { length: tokens },
      (_, i) =>
        ({
          ...view('aws').tokens[0],
          id: `${i}-${Math.random()}`,
          kind: 'pat',
          principal: { kind: 'user', name: 'alice' },
          secretSha256: randomBytes(32).toString('base64url'),
          proofSha256: randomBytes(32).toString('base64url'),
          expiresAt: 1,
        }) as const,
    ),
  },
});
/** Signs nothing: forms only are looked at here. */
const signer = {
  publicKeys: [],
  sign: async (payload: Uint8Array) => `h.${Buffer.from(payload).toString('base64url')}.s`,
  verify: async () => undefined,
};

test('content is equal though its sealed keys were sealed anew, and another when someone else can open them', () => {
  expect(contentHash(draftOf(content()))).toBe(contentHash(draftOf(content())));
  const more = content();
  expect(
    contentHash(draftOf({ ...more, sealingKeys: [{ kid: 'k', createdAt: 1, sealed: { r1: '', r2: '' } }] })),
  ).not.toBe(contentHash(draftOf(more)));
  expect(contentHash(draftOf({ ...more, url: 'https://other' }))).not.toBe(contentHash(draftOf(more)));
});

test('a small document is one message; a large one is parts below the limit that give the same tables', async () => {
  const small = await signDocument(signer, draftOf(content()), { revision: 3, issuedAt: 4 });
  expect(await messagesOf(signer, small)).toEqual({ head: small, parts: [] });

  const whole = content(12_000);
  const large = await signDocument(signer, draftOf(whole), { revision: 3, issuedAt: 4 });
  const { head, parts } = await messagesOf(signer, large);
  expect(parts.length).toBeGreaterThan(1);
  for (const { data } of parts) expect(data.length).toBeLessThan(MESSAGE_LIMIT);
  expect(head.length).toBeLessThan(MESSAGE_LIMIT);
  const manifest = JSON.parse(payloadOf(head).toString());
  expect(manifest).toMatchObject({ gateway: 'aws', revision: 3, issuedAt: 4 });
  expect(manifest.tables).toBeUndefined();
  expect(manifest.parts.map((part: { sha256: string }) => part.sha256)).toEqual(parts.map(({ sha256 }) => sha256));
  expect(tablesOf(parts.map(({ data }) => data))).toEqual(whole.tables);
  // another machine may pack it otherwise: the digest is of what it says
  expect(manifest.digest).toBe(digestOf(large));
  expect(await messagesOf(signer, large)).toEqual({ head, parts });
});

test('session keys: one from the start, the next after 30 days, an old one kept 30 days beyond its successor', () => {
  const now = 1_000 * DAY;
  const key = (kid: string, daysOld: number) => ({ kid, createdAt: now - daysOld * DAY });
  expect(planKeys([], now)).toEqual({ make: true, drop: [] });
  expect(planKeys([key('a', 29)], now)).toEqual({ make: false, drop: [] });
  expect(planKeys([key('a', 31)], now)).toEqual({ make: true, drop: [] });
  expect(planKeys([key('b', 29), key('a', 59)], now)).toEqual({ make: false, drop: [] });
  expect(planKeys([key('b', 31), key('a', 61)], now)).toEqual({ make: true, drop: ['a'] });
});
