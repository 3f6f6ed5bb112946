/**
 * Test only: a real nats-server in operator mode, as docs/architecture.md "NATS" has it: TLS with client certificates of the mesh, a JWT
 * scoped by the gateway's name, streams CFG and AUDIT. It can be killed, started again on the same store, and started on an empty one.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { connect as dial } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { jetstreamManager } from '@nats-io/jetstream';
import { encodeAccount, encodeOperator, encodeUser, newScopedSigner } from '@nats-io/jwt';
import { createAccount, createOperator, createUser, fromPublic, type KeyPair } from '@nats-io/nkeys';
import { connect, jwtAuthenticator, type NatsConnection } from '@nats-io/transport-node';
import { findTool } from '../../../tools/toolchain/index.ts';
import type { Authority, Leaf } from './authority.ts';

export interface StandInNatsOptions {
  readonly folder: string;
  readonly port: number;
  readonly mesh: Authority;
  readonly site: Authority;
}

export class StandInNats {
  readonly #options: StandInNatsOptions;
  readonly #account: KeyPair;
  readonly #gatewaySigner: KeyPair;
  readonly #controlJwt: string;
  readonly #controlKey: KeyPair;
  readonly #controlLeaf: Leaf;
  #server: ChildProcess | undefined;
  #connection: NatsConnection | undefined;

  private constructor(
    options: StandInNatsOptions,
    keys: { account: KeyPair; gatewaySigner: KeyPair; controlKey: KeyPair },
    controlJwt: string,
    controlLeaf: Leaf,
  ) {
    this.#options = options;
    this.#account = keys.account;
    this.#gatewaySigner = keys.gatewaySigner;
    this.#controlKey = keys.controlKey;
    this.#controlJwt = controlJwt;
    this.#controlLeaf = controlLeaf;
  }

  get url(): string {
    return `nats://localhost:${this.#options.port}`;
  }

  /** Writes the configuration; `start` runs the server. */
  static async prepare(options: StandInNatsOptions): Promise<StandInNats> {
    const [operator, system, account] = [createOperator(), createAccount(), createAccount()];
    const [gatewaySigner, controlSigner, controlKey] = [createAccount(), createAccount(), createUser()];
    const limits = { conn: -1, leaf: 0, data: -1, payload: -1, subs: -1, imports: -1, exports: -1, wildcards: true };
    const scope = newScopedSigner(gatewaySigner, 'gateway', {
      pub: { allow: ['audit.{{name()}}.>', 'rpc.{{name()}}.>', '$JS.API.DIRECT.GET.CFG.cfg.{{name()}}.>'] },
      sub: { allow: ['_INBOX.{{name()}}.>', 'push.{{name()}}.>'] },
      subs: 20,
      payload: 262144,
      data: -1,
    });
    const accountLimits = { ...limits, disk_storage: 1e9, mem_storage: 1e8, streams: 10, consumer: 100 };
    const operatorJwt = await encodeOperator('test', operator, { system_account: system.getPublicKey() });
    const systemJwt = await encodeAccount('SYS', system, { limits }, { signer: operator });
    const signing_keys = [scope, controlSigner.getPublicKey()];
    const accountJwt = await encodeAccount(
      'MESH',
      account,
      { limits: accountLimits, signing_keys },
      { signer: operator },
    );
    const controlJwt = await encodeUser('control', controlKey, controlSigner, {
      issuer_account: account.getPublicKey(),
    });
    const { folder, mesh, site, port } = options;
    const server = await site.leaf([{ type: 'dns', value: 'localhost' }]);
    await writeFile(join(folder, 'server.crt'), server.chain);
    await writeFile(join(folder, 'server.key'), server.key);
    await writeFile(join(folder, 'mesh.crt'), mesh.rootPem);
    const preload = `${system.getPublicKey()}: "${systemJwt}", ${account.getPublicKey()}: "${accountJwt}"`;
    const config = [
      `listen: "127.0.0.1:${port}"`,
      `operator: "${operatorJwt}"`,
      `system_account: ${system.getPublicKey()}`,
      'resolver: MEMORY',
      `resolver_preload: { ${preload} }`,
      `tls { cert_file: "${folder}/server.crt", key_file: "${folder}/server.key", ca_file: "${folder}/mesh.crt", verify: true, timeout: 5, handshake_first: true }`,
      `jetstream { store_dir: "${folder}/js" }`,
    ];
    await writeFile(join(folder, 'nats.conf'), config.join('\n'));
    const leaf = await mesh.leaf([{ type: 'url', value: 'spiffe://test/control' }]);
    return new StandInNats(options, { account, gatewaySigner, controlKey }, controlJwt, leaf);
  }

  /** Runs the server and makes the streams. */
  async start(): Promise<NatsConnection> {
    const { path } = await findTool('nats-server');
    this.#server = spawn(path, ['-c', join(this.#options.folder, 'nats.conf')], { stdio: 'ignore' });
    await listening(this.#options.port);
    this.#connection = await connect({
      servers: this.url,
      authenticator: jwtAuthenticator(this.#controlJwt, this.#controlKey.getSeed()),
      tls: {
        handshakeFirst: true,
        cert: this.#controlLeaf.chain,
        key: this.#controlLeaf.key,
        ca: this.#options.site.rootPem,
      },
    });
    const { streams } = await jetstreamManager(this.#connection);
    const exist = await Promise.all(['CFG', 'AUDIT'].map((name) => streams.get(name).catch(() => undefined)));
    const republish = { src: 'cfg.*.>', dest: 'push.{{wildcard(1)}}.>' };
    if (!exist[0])
      await streamsOf(this.#connection, {
        name: 'CFG',
        subjects: ['cfg.*.>'],
        max_msgs_per_subject: 5,
        allow_direct: true,
        republish,
      });
    if (!exist[1])
      await streamsOf(this.#connection, { name: 'AUDIT', subjects: ['audit.*.>'], discard: 'new' as never });
    return this.#connection;
  }

  async kill(): Promise<void> {
    await this.#connection?.close().catch(() => undefined);
    const server = this.#server;
    this.#server = undefined;
    if (!server || server.exitCode !== null) return;
    server.kill('SIGKILL');
    await once(server, 'exit');
  }

  async wipe(): Promise<void> {
    await rm(join(this.#options.folder, 'js'), { recursive: true, force: true });
  }

  /** JWT for a gateway; `lifeMs` as the certificate's. */
  gatewayJwt(gateway: string, nkey: string, lifeMs: number): Promise<string> {
    const exp = Math.floor((Date.now() + lifeMs) / 1000);
    const issuer = { issuer_account: this.#account.getPublicKey() };
    return encodeUser(gateway, fromPublic(nkey), this.#gatewaySigner, issuer, { scopedUser: true, exp });
  }
}

async function streamsOf(
  connection: NatsConnection,
  config: Parameters<Awaited<ReturnType<typeof jetstreamManager>>['streams']['add']>[0],
): Promise<void> {
  await (await jetstreamManager(connection)).streams.add(config);
}

async function listening(port: number): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    const socket = dial(port, '127.0.0.1');
    const open = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (open) return;
    await delay(25);
  }
  throw new Error(`nothing listens on port ${port}`);
}
