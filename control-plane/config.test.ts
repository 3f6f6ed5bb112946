/** The configuration: complete from little, strict about the rest, and silent about secrets. */
import { describe, expect, test } from 'vitest';
import { kekFileOf, parseConfig, siteFiles } from './config.ts';

const FILE = `
controlPlane:
  federation: local
  url: https://localhost:18400
  dataDir: /data
  siteCertificate: { hosts: [localhost, 127.0.0.1] }
  nats: { url: nats://localhost:18404, storeDir: /nats }
`;
const ENVIRONMENT = {
  DATABASE_URL: 'postgres://portolan@127.0.0.1:5432/portolan',
  PGPASSFILE: '/pgpass',
  HOME: '/root',
};
const IDENTITY = {
  issuer: 'https://issuer.example.com',
  jwks: { url: 'https://issuer.example.com/jwks' },
  audience: 'https://control.example.com',
  namespace: 'portolan-control',
  serviceAccount: 'nats',
};
const parse = (text = FILE, environment: Record<string, string | undefined> = ENVIRONMENT) =>
  parseConfig(text, environment, 'config.yaml');

test('little is completed with defaults, and frozen', () => {
  const config = parse();
  expect(config).toMatchObject({
    meshDial: 'localhost:18400',
    listen: { tls: '0.0.0.0:8443', health: '0.0.0.0:8081', metrics: '0.0.0.0:9090' },
    maxStaleness: 86_400_000,
    certificateLife: 86_400_000,
    renewGrace: 0,
    auditRetention: 400 * 86_400_000,
    database: { url: ENVIRONMENT.DATABASE_URL, passFile: '/pgpass' },
  });
  expect(config.listen).not.toHaveProperty('insecureLoopback');
  expect(() => Object.assign(config.listen, { tls: 'x' })).toThrow();
  expect(siteFiles(config)).toEqual({
    certFile: '/data/site/tls.crt',
    keyFile: '/data/site/tls.key',
    caFile: '/data/site/ca.crt',
  });
});

test('a control plane in Kubernetes', () => {
  const nats = {
    url: 'nats://nats:4222',
    tlsName: 'control.example.com',
    servers: 3,
    clusterHost: 'nats-cluster.x.svc',
  };
  const text = FILE.replace(/nats: .*/, `nats: ${JSON.stringify({ ...nats, workloadIdentity: IDENTITY })}`);
  const kubernetes = {
    kekSecret: 'control-kek',
    databaseSecret: { name: 'control-database', host: 'postgres', user: 'portolan', database: 'portolan' },
    adminTokenSecret: 'control-admin',
  };
  const sections = `  keys: { in: database, kekFile: /kek }\n  kubernetes: ${JSON.stringify(kubernetes)}\n`;
  const pod = { ...ENVIRONMENT, KUBERNETES_SERVICE_HOST: '10.96.0.1', KUBERNETES_SERVICE_PORT: '443' };
  const config = parse(text + sections, pod);
  expect(config).toMatchObject({
    keys: { in: 'database', kekFile: '/kek' },
    nats: { url: ['nats://nats:4222'], servers: 3 },
    kubernetes: { databaseSecret: { port: 5432 } },
    apiServer: { host: '10.96.0.1', port: 443 },
  });
  expect(kekFileOf(config)).toBe('/kek');
  expect(kekFileOf(parse())).toBe('/data/kek');
});

test('durations, own certificate, IPv6', () => {
  const text = FILE.replace(
    'siteCertificate: { hosts: [localhost, 127.0.0.1] }',
    'siteCertificate: { certFile: /c, keyFile: /k, caFile: /a }\n  maxStaleness: 30d\n  renewGrace: 90s\n  listen: { insecureLoopback: "[::1]:1" }',
  );
  const config = parse(text);
  expect(config).toMatchObject({
    maxStaleness: 30 * 86_400_000,
    renewGrace: 90_000,
    listen: { insecureLoopback: '[::1]:1' },
  });
  expect(siteFiles(config)).toEqual({ certFile: '/c', keyFile: '/k', caFile: '/a' });
});

test.each([
  ['an unknown key', FILE.replace('dataDir', 'datadir'), /controlPlane.*datadir/s],
  [
    'a plain door that is not loopback',
    `${FILE}  listen: { insecureLoopback: 0.0.0.0:8080 }`,
    /listen\.insecureLoopback.*loopback only/,
  ],
  [
    'a plain door whose name only begins like loopback',
    `${FILE}  listen: { insecureLoopback: "127.0.0.1.example.com:80" }`,
    /listen\.insecureLoopback/,
  ],
  ['a port out of range', `${FILE}  listen: { tls: 127.0.0.1:70000 }`, /listen\.tls.*host:port/],
  ['a relative path', FILE.replace('/data', 'data'), /dataDir.*absolute path/],
  ['a life without a unit', `${FILE}  certificateLife: 24`, /certificateLife.*24h/],
  ['a life that is too long', `${FILE}  certificateLife: 8d`, /certificateLife.*at most 7d/],
  ['no retention', `${FILE}  auditRetention: 0`, /auditRetention.*at least 1d/],
  ['an http URL', FILE.replace('https://localhost', 'http://localhost'), /controlPlane\.url/],
  ['half a certificate', FILE.replace('hosts: [localhost, 127.0.0.1]', 'certFile: /c'), /siteCertificate\.keyFile/],
  [
    'credentials in the URL of NATS',
    FILE.replace('nats://localhost', 'nats://me:hunter2@localhost'),
    /nats\.url.*without user or password/,
  ],
  ['keys without a place', `${FILE}  keys: { in: memory }`, /keys.*in: files, or in: database with kekFile/],
  ['keys in the database without what opens them', `${FILE}  keys: { in: database }`, /keys\.kekFile/],
  ['two servers', FILE.replace('storeDir: /nats', 'storeDir: /nats, servers: 2'), /nats\.servers: expected 1 or 3/],
  ['nobody who writes nats.conf', FILE.replace(', storeDir: /nats', ''), /nats\.storeDir: expected either storeDir/],
  [
    'agents without a name for their servers',
    FILE.replace('storeDir: /nats', `workloadIdentity: ${JSON.stringify(IDENTITY)}`),
    /nats\.clusterHost: expected together with workloadIdentity/,
  ],
  ['Secrets without names', `${FILE}  kubernetes: { kekSecret: a }`, /kubernetes\.adminTokenSecret/],
  ['nothing', '', /expected/],
  ['no YAML', 'a: [', /is not YAML/],
])('%s is refused with its place', (_, text, message) => {
  expect(() => parse(text)).toThrow(message);
  expect(() => parse(text)).not.toThrow(/hunter2/);
});

test.each([
  ['no DATABASE_URL', { DATABASE_URL: undefined }, /DATABASE_URL: expected the URL of PostgreSQL/],
  [
    'a password in it',
    { DATABASE_URL: 'postgres://portolan:hunter2@127.0.0.1/portolan' },
    /DATABASE_URL: must hold no password.*PGPASSFILE/,
  ],
  [
    'a password in its query',
    { DATABASE_URL: 'postgres://portolan@127.0.0.1/portolan?password=hunter2' },
    /must hold no password/,
  ],
  ['another database', { DATABASE_URL: 'mysql://localhost/x' }, /postgres:\/\//],
  ['PGPASSWORD', { PGPASSWORD: 'hunter2' }, /PGPASSWORD: must not be set/],
])('%s is refused', (_, change, message) => {
  expect(() => parse(FILE, { ...ENVIRONMENT, ...change })).toThrow(message);
  expect(() => parse(FILE, { ...ENVIRONMENT, ...change })).not.toThrow(/hunter2/);
});

describe('certificates by ACME', () => {
  const dns = 'dns: { rfc2136: { server: "10.0.0.53", zone: acme.example.com, keyName: portolan, keyFile: /tsig } }';
  const section = `certificates: { directory: "https://ca.example.com/dir", termsOfServiceAgreed: true, ${dns} }`;
  const own = FILE.replace('{ hosts: [localhost, 127.0.0.1] }', '{ acme: true }').replace(
    /url: https:\S+/,
    'url: https://control.example.com',
  );

  test('own certificate: laid down where NATS finds it, verified by the authorities of the system', () => {
    const config = parse(`${own}  ${section}`);
    expect(config.certificates?.dns).toMatchObject({ rfc2136: { algorithm: 'hmac-sha256' }, resolvers: [] });
    expect(siteFiles(config)).toEqual({ certFile: '/data/site/tls.crt', keyFile: '/data/site/tls.key' });
  });

  test.each([
    ['an own one without a place to order it', own, /certificates: is missing: siteCertificate\.acme needs it/],
    [
      'one for localhost',
      `${FILE.replace('{ hosts: [localhost, 127.0.0.1] }', '{ acme: true }')}  ${section}`,
      /url: expected a DNS name/,
    ],
    [
      'terms not agreed to',
      `${own}  ${section.replace('true', 'false')}`,
      /termsOfServiceAgreed: must be true: read the terms/,
    ],
    [
      'a directory without TLS',
      `${own}  ${section.replace('https:', 'http:')}`,
      /certificates\.directory: expected the https URL/,
    ],
    [
      'a key that is no path',
      `${own}  ${section.replace('/tsig', 'tsig')}`,
      /rfc2136\.keyFile: expected an absolute path/,
    ],
    ['no provider', `${own}  ${section.replace(/rfc2136: \{[^}]*\}/, '')}`, /certificates\.dns\.rfc2136/],
    [
      'an unknown algorithm',
      `${own}  ${section.replace('keyName', 'algorithm: hmac-md5, keyName')}`,
      /algorithm.*hmac-sha256/,
    ],
  ])('refused: %s', (_what, text, says) => {
    expect(() => parse(text)).toThrow(says);
  });
});
