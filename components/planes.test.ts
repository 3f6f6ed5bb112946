/** The components together, on mocks: what they register, in which order, and what they refuse. */
import { join } from 'node:path';
import { Gateway, Grant, McpServer, PeerMatrix, User, VirtualAccount } from '@portolan/provider';
import { afterAll, describe, expect, test } from 'vitest';
import {
  ArgumentError,
  ControlPlane,
  GatewayImage,
  GatewayPlane,
  type GatewayPlaneArgs,
  LocalMcpServer,
  LocalSite,
  type LocalSiteArgs,
  Mesh,
} from './index.ts';
import { type Registered, record, SiteFiles } from './test/recorded-program.ts';

const files = new SiteFiles();
afterAll(() => files[Symbol.dispose]());

const controlUrl = 'https://localhost:18400';
const gatewayUrl = (at: number) => `https://localhost:${18_400 + 10 * at}`;

function federation(change: Partial<LocalSiteArgs> = {}) {
  const site = new LocalSite('local', files.args(change));
  const control = new ControlPlane('control', { site, url: controlUrl, federation: 'test' });
  const aws = new GatewayPlane('aws', { site, url: gatewayUrl(1), control });
  const azure = new GatewayPlane('azure', { site, url: gatewayUrl(2), control });
  return { site, control, aws, azure };
}

const named = (registered: readonly Registered[], name: string) => {
  const found = registered.find((one) => one.name === name);
  if (!found) throw new Error(`${name} is not among ${registered.map((one) => one.name).join(', ')}`);
  return found;
};
const configOf = ({ inputs }: Registered) => JSON.parse(inputs.files[0].content);

describe('a federation on one machine', () => {
  test('is these resources', async () => {
    const registered = await record(() => {
      const { control, aws, azure, site } = federation();
      new Mesh('mesh', { control, gateways: [aws, azure] });
      const script = files.file('m365.ts');
      const m365 = new LocalMcpServer('mcp-m365', { site, gateway: azure, script, url: 'http://127.0.0.1:18481/mcp' });
      new Grant('alice-m365', { principal: new User('alice', { control }), server: m365, everything: true });
      new McpServer('elsewhere', { gateway: aws, url: 'http://elsewhere.internal:8080' });
    });
    expect(registered.map(({ type, name }) => `${type} ${name}`).sort()).toEqual([
      'portolan:index:ControlPlane control',
      'portolan:index:GatewayPlane aws',
      'portolan:index:GatewayPlane azure',
      'portolan:index:LocalMcpServer mcp-m365',
      'portolan:index:LocalSite local',
      'portolan:index:Mesh mesh',
      'portolan:local:Process control-plane',
      'portolan:local:Process gateway-aws',
      'portolan:local:Process gateway-azure',
      'portolan:local:Process mcp-m365',
      'portolan:local:Process nats',
      'portolan:registry:Gateway aws-entry',
      'portolan:registry:Gateway azure-entry',
      'portolan:registry:Grant alice-m365',
      'portolan:registry:McpServer elsewhere',
      'portolan:registry:McpServer mcp-m365-entry',
      'portolan:registry:PeerMatrix mesh-peers',
      'portolan:registry:User alice',
    ]);
    expect(named(registered, 'mesh-peers').inputs.pairs).toEqual([['aws', 'azure']]);
    expect(named(registered, 'alice-m365').inputs).toMatchObject({
      principal: { kind: 'user', name: 'alice' },
      server: 'mcp-m365',
      everything: true,
    });
    expect(named(registered, 'mcp-m365-entry').inputs).toMatchObject({ name: 'mcp-m365', gateway: 'azure' });
  });

  test('the control plane is prepared by its birth, and reads what docs/architecture.md says', async () => {
    const control = named(await record(federation), 'control-plane');
    const dir = join(files.dir, 'stack');
    const config = join(dir, 'config', 'control-plane.yaml');
    const bundle = join(files.dir, 'control-plane.mjs');
    const heap = [
      '--max-semi-space-size=4',
      '--heap-growing-percent=20',
      '--no-parallel-scavenge',
      '--no-minor-gc-task',
    ];
    expect(control.inputs).toMatchObject({
      command: process.execPath,
      args: [...heap, bundle, 'serve', '--config', config],
      prepare: [{ command: process.execPath, args: [...heap, bundle, 'init', '--config', config] }],
      env: { MALLOC_ARENA_MAX: '2', DATABASE_URL: 'postgres://portolan@127.0.0.1:5432/portolan' },
      listens: ['127.0.0.1:18400', '127.0.0.1:18401', '127.0.0.1:18402', '127.0.0.1:18403'],
      readiness: { kind: 'http', url: 'http://127.0.0.1:18402/readyz' },
      runFile: join(dir, 'run', 'control-plane.json'),
    });
    expect(configOf(control)).toEqual({
      controlPlane: {
        federation: 'test',
        url: controlUrl,
        dataDir: join(dir, 'control-plane'),
        listen: {
          tls: '127.0.0.1:18400',
          insecureLoopback: '127.0.0.1:18401',
          health: '127.0.0.1:18402',
          metrics: '127.0.0.1:18403',
        },
        siteCertificate: { hosts: ['localhost', '127.0.0.1'] },
        nats: {
          url: 'nats://localhost:18404',
          listen: '127.0.0.1:18404',
          monitor: '127.0.0.1:18405',
          storeDir: join(dir, 'nats'),
        },
      },
    });
  });

  test('durations of a control plane reach what it reads', async () => {
    const durations = { maxStaleness: '30d', certificateLife: '90s', renewGrace: '0s', auditRetention: '90d' };
    const registered = await record(() => {
      const site = new LocalSite('local', files.args());
      new ControlPlane('control', { site, url: controlUrl, ...durations });
    });
    expect(configOf(named(registered, 'control-plane')).controlPlane).toMatchObject(durations);
  });

  test('a gateway is configured by its own URL, the control plane’s and the NATS link', async () => {
    const registered = await record(federation);
    const dir = join(files.dir, 'stack');
    const enrolmentFile = join(dir, 'gateways', 'azure.enrolment.json');
    const site = join(dir, 'control-plane', 'site');
    expect(configOf(named(registered, 'gateway-azure')).gateway).toMatchObject({
      url: gatewayUrl(2),
      controlPlane: { url: controlUrl, natsUrl: 'nats://localhost:18404', caFile: join(site, 'ca.crt') },
      listen: { tls: '127.0.0.1:18420', insecureLoopback: '127.0.0.1:18421' },
      certificate: { certFile: join(site, 'tls.crt'), keyFile: join(site, 'tls.key') },
      dataDir: join(dir, 'gateways', 'azure'),
      enrolmentFile,
      upstreamCidrs: [{ cidr: '127.0.0.0/8', ports: [18_481] }],
    });
    expect(named(registered, 'azure-entry').inputs).toEqual({
      name: 'azure',
      url: gatewayUrl(2),
      enrolmentFile,
      identityFile: join(dir, 'gateways', 'azure', 'identity', 'identity.json'),
      control: {
        url: controlUrl,
        caFile: join(site, 'ca.crt'),
        adminTokenFile: join(dir, 'control-plane/admin-token'),
      },
    });
  });

  test('origins and hosts that a gateway answers to are its own affair, not the registry’s', async () => {
    const edges = { allowedOrigins: ['https://app.example.com'], allowedHosts: ['mcp.example.com'] };
    const registered = await record(() => {
      const { site, control } = federation();
      new GatewayPlane('gcp', { site, url: gatewayUrl(3), control, ...edges });
    });
    expect(configOf(named(registered, 'gateway-gcp')).gateway).toMatchObject(edges);
    expect(configOf(named(registered, 'gateway-aws')).gateway).not.toHaveProperty('allowedOrigins');
    expect(JSON.stringify(named(registered, 'gcp-entry').inputs)).not.toContain('example.com');
  });

  test('new code is a new version', async () => {
    const versionOf = async () => named(await record(federation), 'gateway-aws').inputs.version;
    const before = await versionOf();
    expect(await versionOf()).toBe(before);
    const gatewayBundle = files.file('gateway-2.mjs', 'other code');
    const after = await record(() => federation({ gatewayBundle }));
    expect(named(after, 'gateway-aws').inputs.version).not.toBe(before);
  });

  test('a PostgreSQL of its own is one more process, stopped fast', async () => {
    const database = {
      kind: 'process',
      run: { command: 'postgres', args: ['-D', 'data'] },
      prepare: [{ command: 'initdb', args: [] }],
      url: 'postgres://portolan@127.0.0.1:18406/portolan',
      passFile: '/secret/pgpass',
    } as const;
    const registered = await record(() => federation({ database }));
    expect(named(registered, 'postgres').inputs).toMatchObject({
      command: 'postgres',
      listens: ['127.0.0.1:18406'],
      readiness: { kind: 'tcp', port: 18_406, protocol: 'postgresql' },
      stopSignal: 'SIGINT',
    });
    expect(named(registered, 'control-plane').inputs.env).toEqual({
      MALLOC_ARENA_MAX: '2',
      DATABASE_URL: database.url,
      PGPASSFILE: database.passFile,
    });
  });

  test('nothing that is registered holds a secret', async () => {
    const text = JSON.stringify(await record(federation));
    expect(text).not.toMatch(/password|ptl_|BEGIN/i);
  });
});

describe('refused before anything is registered', () => {
  const rfc2136 = { server: '192.0.2.53', zone: 'example.com', keyName: 'portolan', key: { secretRef: 'tsig' } };
  const orders = {
    directory: 'https://acme.example.com/directory',
    directoryCidrs: ['192.0.2.32/28'],
    termsOfServiceAgreed: true,
    dns: { rfc2136, cidrs: ['192.0.2.53/32'] },
  } as const;
  const site = () => new LocalSite('local', files.args());
  const plane = (url: string, name = 'aws', edges: Pick<GatewayPlaneArgs, 'allowedOrigins' | 'allowedHosts'> = {}) => {
    const { site, control } = federation();
    new GatewayPlane(name, { site, url, control, ...edges });
  };
  const refused: readonly [what: string, program: () => unknown, text: RegExp][] = [
    [
      'two gateways with one URL',
      () => plane(gatewayUrl(1), 'gcp'),
      /^GatewayPlane\(gcp\)\.url: "https:\/\/localhost:18410" is the URL of GatewayPlane\(aws\); give each plane its own\.$/,
    ],
    ['the control plane’s URL', () => plane(controlUrl, 'gcp'), /is the URL of ControlPlane\(control\)/],
    [
      'a URL without https',
      () => plane('http://localhost:18430', 'gcp'),
      /^GatewayPlane\(gcp\)\.url: expected https:\/\/host.*; got "http:\/\/localhost:18430"\.$/,
    ],
    ['a trailing slash', () => plane('https://localhost:18430/', 'gcp'), /without path and trailing slash/],
    ['a name that no gateway may have', () => plane(gatewayUrl(3), 'control'), /GatewayPlane\(control\)\.name: "control" is the control/],
    ['a name that is none', () => plane(gatewayUrl(3), 'Azure West'), /GatewayPlane\(Azure West\)\.name: expected 1–63 of a-z/],
    ['a host that is not this machine', () => plane('https://gw.example.com', 'gcp'), /expected https:\/\/localhost:<port> on a LocalSite/],
    ['a port that is too low', () => plane('https://localhost:443', 'gcp'), /expected https|expected a port from 1024/],
    ['an origin with a wildcard', () => plane(gatewayUrl(3), 'gcp', { allowedOrigins: ['https://*.example.com'] }), /^GatewayPlane\(gcp\)\.allowedOrigins\S*0\S*: expected an origin as browsers send it/],
    ['a host with a port', () => plane(gatewayUrl(3), 'gcp', { allowedHosts: ['mcp.example.com:443'] }), /^GatewayPlane\(gcp\)\.allowedHosts\S*0\S*: expected a host name/],
    ['overlapping ports', () => plane('https://localhost:18412', 'gcp'), /^GatewayPlane\(gcp\)\.url: 127\.0\.0\.1:18412 belongs to GatewayPlane\(aws\)/],
    ['a bundle that is not there', () => new LocalSite('local', files.args({ gatewayBundle: '/no/such' })), /^LocalSite\(local\)\.gatewayBundle: expected a file that is there/],
    [
      'a password in the database’s URL',
      () => new LocalSite('local', files.args({ database: { kind: 'external', url: 'postgres://u:pw@h/d' } })),
      /^LocalSite\(local\)\.database\.url: expected postgres:\/\/user@host:port\/database without a password/,
    ],
    ['orders of certificates on a machine that makes its own', () => new ControlPlane('control', { site: site(), url: controlUrl, certificates: orders }), /^ControlPlane\(control\)\.certificates: a LocalSite makes the certificates of its planes and orders none/],
    ['a bad duration', () => new ControlPlane('control', { site: site(), url: controlUrl, maxStaleness: 'long' }), /^ControlPlane\(control\)\.maxStaleness: expected a duration/],
    [
      'a gateway twice in a mesh',
      () => {
        const { control, aws } = federation();
        new Mesh('mesh', { control, gateways: [aws, aws] });
      },
      /^Mesh\(mesh\)\.gateways: "aws" is there twice/,
    ],
    [
      'an MCP server on a taken port',
      () => {
        const { site, aws } = federation();
        new LocalMcpServer('m', { site, gateway: aws, script: files.file('m.ts'), url: 'http://127.0.0.1:18410/mcp' });
      },
      /^LocalMcpServer\(m\)\.url: 127\.0\.0\.1:18410 belongs to GatewayPlane\(aws\)/,
    ],
    [
      'an MCP server that no gateway may dial',
      () => {
        const { site, aws } = federation();
        new LocalMcpServer('m', { site, gateway: aws, script: files.file('m.ts'), url: 'http://127.0.0.1:9000/mcp' });
      },
      /^LocalMcpServer\(m\)\.url: port 9000 is one that no gateway of LocalSite\(local\) may dial; add it to the site's upstreamCidrs/,
    ],
    [
      'a reach that is no network',
      () => new LocalSite('local', files.args({ upstreamCidrs: [{ cidr: '10.0.0.0' }] })),
      /^LocalSite\(local\)\.upstreamCidrs\[?\.?0\]?\.cidr: expected a CIDR/,
    ],
  ]; // biome-ignore format: one a line

  test.each(refused)('%s', async (_what, program, text) => {
    const failed = record(program);
    await expect(failed).rejects.toThrow(ArgumentError);
    await expect(failed).rejects.toThrow(text);
  });

  test('a password is not repeated', async () => {
    const database = { kind: 'external', url: 'postgres://u:hunter2@h/d' } as const;
    await expect(record(() => new LocalSite('local', files.args({ database })))).rejects.not.toThrow(/hunter2/);
  });
});

describe('a name where a resource is expected, or the wrong resource', () => {
  const world = () => {
    const all = federation();
    const { control, azure } = all;
    const m365 = new McpServer('m365', { gateway: azure, url: 'http://m365.internal:8080' });
    return { ...all, m365, alice: new User('alice', { control }) };
  };
  type World = ReturnType<typeof world>;
  // what a program without a type check may pass
  const any = (value: unknown) => value as never;

  test.each<[string, string, (given: World) => unknown]>([
    [
      'Grant(g).server',
      'a LocalMcpServer or McpServer',
      ({ alice }) => new Grant('g', { principal: alice, server: any('mcp-m365'), everything: true }),
    ],
    [
      'Grant(g).server',
      'got an object of User',
      ({ alice }) => new Grant('g', { principal: alice, server: any(alice), everything: true }),
    ],
    [
      'Grant(g).principal',
      'a User or a VirtualAccount',
      ({ m365 }) => new Grant('g', { principal: any('alice'), server: m365, everything: true }),
    ],
    ['McpServer(s).gateway', 'got "aws"', () => new McpServer('s', { gateway: any('aws'), url: 'http://s.internal' })],
    ['User(u).control', 'a ControlPlane', () => new User('u', { control: any(undefined) })],
    ['VirtualAccount(v).owner', 'a User', () => new VirtualAccount('v', { owner: any('alice') })],
    ['Gateway(g).control', 'a ControlPlane', () => new Gateway('g', { control: any('c'), url: 'https://g.example' })],
    ['Mesh(m).gateways', 'got "aws"', ({ control }) => new Mesh('m', { control, gateways: any(['aws']) })],
    ['Mesh(m).gateways', 'a list', ({ control, aws }) => new Mesh('m', { control, gateways: any(aws) })],
    [
      'PeerMatrix(p).pairs',
      'got "azure"',
      ({ control, aws }) => new PeerMatrix('p', { control, pairs: any([[aws, 'azure']]) }),
    ],
    ['ControlPlane(c).site', 'a site', () => new ControlPlane('c', { site: any('here'), url: 'https://localhost:1' })],
    [
      'GatewayPlane(gcp).control',
      'a ControlPlane',
      ({ site }) => new GatewayPlane('gcp', { site, control: any(controlUrl), url: gatewayUrl(3) }),
    ],
    [
      'LocalMcpServer(s).gateway',
      'a GatewayPlane or Gateway',
      ({ site, m365 }) =>
        new LocalMcpServer('s', { site, gateway: any(m365), script: '/s', url: 'http://127.0.0.1:9/mcp' }),
    ],
  ])('%s: %s', async (argument, says, program) => {
    const refused = await record(() => program(world())).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(ArgumentError);
    expect((refused as ArgumentError).argument).toBe(argument);
    expect((refused as ArgumentError).message).toContain(says);
  });
});

describe('an image of gateways', () => {
  const reference = `registry.example.com/portolan/gateway@sha256:${'a'.repeat(64)}`;

  test('by digest is taken as it is', async () => {
    let image: GatewayImage | undefined;
    await record(() => {
      image = new GatewayImage('gateway', { reference });
    });
    expect(image?.reference).toBe(reference);
  });

  test('by tag is refused in production, with the command that finds its digest, and taken in development', async () => {
    const tag = 'registry.example.com/portolan/gateway:main';
    await expect(record(() => new GatewayImage('gateway', { reference: tag }))).rejects.toThrow(
      /GatewayImage\(gateway\)\.reference: expected an image by digest.*crane digest registry\.example\.com\/portolan\/gateway:main/,
    );
    await record(() => new GatewayImage('gateway', { reference: tag, tier: 'development' }));
  });
});
