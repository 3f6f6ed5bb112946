/**
 * Gateways of one federation in one process, each with its real listeners, transports and pipeline on free ports; the registry is a value that
 * the test gives. What the control plane would do (render, sign, push) is `apply`.
 */
import {
  compileReach,
  hopKey,
  hopProof,
  makeToken,
  proofDigest,
  type ServerSettings,
  secretDigest,
  type Token,
  tokenText,
  type WholeSnapshot,
} from '@portolan/core';
import { LinkPeers } from '../adapters/link/link-peers.ts';
import { listenLoopback, listenTls } from '../adapters/node-listeners.ts';
import { compileTables } from '../adapters/snapshot/compile-tables.ts';
import { UndiciUpstreams } from '../adapters/undici-upstreams.ts';
import type { Limits } from '../context.ts';
import type { EdgeLists } from '../edges.ts';
import type { Clock, Listener } from '../ports.ts';
import { GatewayServer } from '../server.ts';
import { TestAudit, TestCertificate, TestIdentity, TestLog, TestMeter, TestRegistry, testSealer } from './fakes.ts';
import { type Authority, credentials, makeAuthority } from './mesh-authority.ts';

export const FEDERATION = 'test';

type Tables = WholeSnapshot['tables'];
export type GrantSpec = Partial<Tables['grants'][number]> & { readonly user: string; readonly server: string };
export interface MeshSpec {
  readonly gateways: readonly string[];
  /** Of each gateway; default 1. The second of `aws` is `aws-2`: it has the identity and sealing key of the first, and its own listeners. */
  readonly replicas?: number;
  /** Server → its gateway and URL. */
  readonly servers: Readonly<
    Record<string, ServerSettings & { readonly gateway: string; readonly url: string; readonly proxyUrl?: string }>
  >;
  readonly grants: readonly GrantSpec[];
  readonly limits?: Partial<Limits>;
  /** Of one gateway, beside those of all. */
  readonly limitsOf?: Readonly<Record<string, Partial<Limits>>>;
  readonly edges?: Partial<EdgeLists>;
  readonly reach?: readonly { readonly cidr: string; readonly ports?: number[] }[];
  readonly clock?: Clock;
  /** Of the connections between gateways. */
  readonly connectTimeoutMs?: number;
}

/** For `apply`: what everyone is told of one gateway. */
export const peerIs =
  (name: string, over: Partial<Tables['peers'][number]>) =>
  (tables: Tables): Tables => ({
    ...tables,
    peers: tables.peers.map((peer) => (peer.name === name ? { ...peer, ...over } : peer)),
  });

export const systemClock: Clock = { now: () => Date.now(), monotonic: () => performance.now() };

/** What replicas of one gateway share, and what a restart does not lose. */
interface Shared {
  readonly identity: TestIdentity;
  readonly certificate: TestCertificate;
  readonly sealer: ReturnType<typeof testSealer>;
}

export class TestGateway {
  readonly name: string;
  readonly registry = new TestRegistry(undefined);
  readonly identity: TestIdentity;
  readonly certificate: TestCertificate;
  readonly audit = new TestAudit();
  readonly meter = new TestMeter();
  readonly log = new TestLog();
  readonly server: GatewayServer;
  readonly peers: LinkPeers;
  readonly upstreams: UndiciUpstreams;
  tls!: Listener;
  loopback!: Listener;

  /** What it does not share with a replica it makes itself. */
  readonly shared: Shared;

  constructor(name: string, spec: MeshSpec, shared: Shared) {
    const { certificate, identity, sealer } = shared;
    this.name = name;
    this.shared = shared;
    this.identity = identity;
    this.certificate = certificate;
    const clock = spec.clock ?? systemClock;
    const { registry, audit, meter, log } = this;
    const mayDial = compileReach((spec.reach ?? [{ cidr: '127.0.0.0/8' }]).map((range) => ({ ...range })));
    const { connectTimeoutMs = 2_000 } = spec;
    this.peers = new LinkPeers({ identity, registry, clock, log, connectTimeoutMs, beatMs: connectTimeoutMs / 2 });
    this.upstreams = new UndiciUpstreams({ registry, mayDial });
    const ports = {
      identity,
      registry,
      audit,
      meter,
      log,
      clock,
      peers: this.peers,
      upstreams: this.upstreams,
      sealer,
    };
    this.server = new GatewayServer(ports, { ...spec.limits, ...spec.limitsOf?.[name] }, spec.edges);
    this.#clock = clock;
  }
  readonly #clock: Clock;

  async listen(): Promise<void> {
    const { certificate, identity, registry, server, log } = this;
    await server.ready();
    const address = { host: '127.0.0.1', port: 0 };
    this.tls = await listenTls({ address, certificate, identity, registry, intake: server, clock: this.#clock, log });
    this.loopback = await listenLoopback(address, server);
  }

  get door(): string {
    return `http://127.0.0.1:${this.loopback.port}`;
  }

  /** Empties what a test asserts on. */
  forget(): void {
    this.audit.records.length = 0;
    this.audit.notes.length = 0;
    this.meter.requests.length = 0;
    this.meter.hops.length = 0;
    this.meter.errors.length = 0;
  }

  async close(): Promise<void> {
    this.server.endFlights('everything');
    for (const listener of [this.tls, this.loopback]) {
      const stopped = listener.stop();
      listener.closeAll();
      await stopped;
    }
    await Promise.all([this.peers.close(), this.upstreams.close()]);
  }
}

export class TestMesh implements AsyncDisposable {
  readonly spec: MeshSpec;
  readonly authority: Authority;
  readonly publicAuthority: Authority;
  readonly gateways: Map<string, TestGateway>;
  readonly #urls = new Map<string, string>();
  readonly tokens = new Map<string, Token>();
  #tables: Tables;
  #revision = 0;

  private constructor(
    spec: MeshSpec,
    authorities: readonly [Authority, Authority],
    gateways: Map<string, TestGateway>,
  ) {
    this.spec = spec;
    [this.authority, this.publicAuthority] = authorities;
    this.gateways = gateways;
    for (const name of spec.gateways) this.#urls.set(name, `https://localhost:${this.gateway(name).tls.port}`);
    for (const { user } of spec.grants) if (!this.tokens.has(user)) this.tokens.set(user, makeToken('pat'));
    this.#tables = this.#render();
  }

  static async start(spec: MeshSpec): Promise<TestMesh> {
    const mesh = await makeAuthority('mesh root');
    const site = await makeAuthority('site root');
    const gateways = new Map<string, TestGateway>();
    for (const name of spec.gateways) {
      const identity = new TestIdentity(await credentials(mesh, FEDERATION, name));
      const leaf = await site.leaf({ sans: [{ type: 'dns', value: 'localhost' }] });
      const shared = { identity, certificate: new TestCertificate(leaf), sealer: testSealer() };
      for (let i = 1; i <= (spec.replicas ?? 1); i += 1) {
        const gateway = new TestGateway(name, spec, shared);
        await gateway.listen();
        gateways.set(i === 1 ? name : `${name}-${i}`, gateway);
      }
    }
    const started = new TestMesh(spec, [mesh, site], gateways);
    await started.apply();
    return started;
  }

  /** A new process in the place of an old one, on other ports; `apply` tells the others. */
  async restart(replica: string): Promise<void> {
    const old = this.gateway(replica);
    await old.close();
    const gateway = new TestGateway(old.name, this.spec, old.shared);
    await gateway.listen();
    this.gateways.set(replica, gateway);
    await this.apply();
  }

  gateway(name: string): TestGateway {
    const gateway = this.gateways.get(name);
    if (!gateway) throw new Error(`no gateway ${name}`);
    return gateway;
  }

  url(name: string): string {
    return this.#urls.get(name) ?? '';
  }

  token(user: string): string {
    const token = this.tokens.get(user);
    return token ? tokenText(token) : '';
  }

  /** Every gateway gets the next revision of its own view. `change` edits the tables before. */
  async apply(change: (tables: Tables) => Tables = (tables) => tables, only?: string): Promise<void> {
    this.#tables = change(this.#tables);
    this.#revision += 1;
    for (const gateway of this.gateways.values()) {
      if (only === undefined || only === gateway.name) gateway.registry.set(await this.#view(gateway.name));
    }
  }

  /** Back to the specification; takes effect at the next `apply`. */
  restore(): void {
    this.#tables = this.#render();
  }

  async #view(name: string) {
    const { peers, servers, tokens } = this.#tables;
    return compileTables({
      federation: FEDERATION,
      gateway: name,
      url: this.url(name),
      revision: this.#revision,
      issuedAt: Date.now(),
      maxStalenessMs: 86_400_000,
      caBundle: [this.authority.pem],
      snapshotKeys: [{}],
      sealingKeys: [],
      tables: {
        ...this.#tables,
        peers: peers.filter((peer) => peer.name !== name),
        servers: servers.map((server) => (server.gateway === name ? server : { ...server, url: undefined })),
        tokens: tokens.map((row) => ({ ...row, proofSha256: this.#proofDigest(row.id, name) })),
      },
    });
  }

  #proofDigest(id: string, gateway: string): string {
    const token = [...this.tokens.values()].find((known) => known.id === id);
    return proofDigest(hopProof(hopKey(token?.secret ?? ''), gateway)).toString('base64url');
  }

  #render(): Tables {
    return {
      peers: this.spec.gateways.map((name) => ({
        name,
        url: this.url(name),
        dial: `127.0.0.1:${this.gateway(name).tls.port}`,
        minIssuedAt: 0,
      })),
      servers: Object.entries(this.spec.servers).map(([name, server]) => ({
        ...server,
        name,
        proxyUrl: server.proxyUrl ?? this.url(server.gateway),
      })),
      grants: this.spec.grants.map(({ user, ...grant }, i) => ({
        id: `g${i}`,
        effect: 'allow' as const,
        principal: { kind: 'user' as const, name: user },
        everything: grant.tools === undefined && grant.prompts === undefined && grant.resources === undefined,
        tools: [],
        prompts: [],
        resources: [],
        ...grant,
      })),
      tokens: [...this.tokens].map(([user, token]) => ({
        id: token.id,
        kind: 'pat' as const,
        principal: { kind: 'user' as const, name: user },
        secretSha256: secretDigest(token.secret).toString('base64url'),
        proofSha256: '',
        expiresAt: Date.now() + 3_600_000,
      })),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.gateways.values()].map((gateway) => gateway.close()));
  }
}
