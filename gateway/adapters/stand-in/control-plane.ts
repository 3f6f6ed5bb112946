/**
 * Test only: the control plane's side of enrolment, renewal and the HTTPS snapshot, as docs/architecture.md has them, on one TLS port with
 * a public and a mesh name. What it answers can be bent by the test. The real one is tested with the gateway in test/.
 */
import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createSecureContext, type TLSSocket } from 'node:tls';
import { api, gatewaySpiffeId, type Snapshot } from '@portolan/core';
import { CompactEncrypt, CompactSign, calculateJwkThumbprint, importJWK, type JWK } from 'jose';
import { Authority } from './authority.ts';
import { freePort } from './free-port.ts';
import { StandInNats } from './nats-server.ts';

export const FEDERATION = 'test';
export const GATEWAY = 'aws';
const TOKEN = 'ptl_enr_stand-in';

export interface Asked {
  readonly path: string;
  readonly authorized: boolean;
}

type Proof = Partial<Pick<api.EnrollBody, 'token' | 'serviceAccountToken'>>;

export class StandInControlPlane {
  readonly mesh: Authority;
  readonly site: Authority;
  readonly nats: StandInNats;
  readonly caFile: string;
  readonly asked: Asked[] = [];
  controlSpiffeId = `spiffe://${FEDERATION}/control`;
  /** ms */
  certificateLife = 86_400_000;
  /** Answers every enrolment and renewal with this status. */
  refuseWith: number | undefined;
  /** Answers every renewal with this status. */
  refuseRenewalWith: number | undefined;
  /** The one token of a pod that enrols. */
  serviceAccountToken: string | undefined;
  /** Changes the answer to an enrolment or renewal. */
  bend: (identity: api.Identity) => api.Identity | Promise<api.Identity> = (identity) => identity;
  snapshot = '';
  readonly #signing = generateKeyPairSync('ed25519');
  readonly #sealing = randomBytes(32);
  readonly #port: number;
  #server: Server | undefined;
  #sealed: Snapshot['sealingKeys'] = [];

  private constructor(
    folder: string,
    port: number,
    authorities: { mesh: Authority; site: Authority },
    nats: StandInNats,
  ) {
    this.mesh = authorities.mesh;
    this.site = authorities.site;
    this.nats = nats;
    this.caFile = join(folder, 'site.crt');
    this.#port = port;
  }

  /** Makes authorities and configuration in `folder`; nothing runs yet. */
  static async prepare(folder: string): Promise<StandInControlPlane> {
    const authorities = { mesh: await Authority.make('mesh'), site: await Authority.make('site') };
    const nats = await StandInNats.prepare({ folder, port: await freePort(), ...authorities });
    const made = new StandInControlPlane(folder, await freePort(), authorities, nats);
    await writeFile(made.caFile, authorities.site.rootPem);
    made.snapshot = await made.sign({});
    return made;
  }

  get url(): string {
    return `https://localhost:${this.#port}`;
  }

  get snapshotKey(): JWK {
    return { ...createPublicKey(this.#signing.privateKey).export({ format: 'jwk' }), kid: 'k1' } as JWK;
  }

  async enrolment(gateway = GATEWAY): Promise<api.Enrolment> {
    const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
    const snapshotKeyThumbprints = [await calculateJwkThumbprint(this.snapshotKey)];
    return { gateway, token: TOKEN, meshRootSha256: this.mesh.rootSha256, snapshotKeyThumbprints, expiresAt };
  }

  async start(): Promise<void> {
    const open = await this.site.leaf([{ type: 'dns', value: 'localhost' }]);
    const own = await this.mesh.leaf([{ type: 'url', value: this.controlSpiffeId }]);
    const inMesh = createSecureContext({ key: own.key, cert: own.chain, ca: this.mesh.rootPem });
    const options = { key: open.key, cert: open.chain, requestCert: true, rejectUnauthorized: false };
    this.#server = createServer(
      {
        ...options,
        SNICallback: (name, done) => done(null, name === `control.${FEDERATION}.mesh.internal` ? inMesh : undefined),
      },
      (request, response) => void this.#answer(request, response),
    );
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    if ((this.#server.address() as AddressInfo).port !== this.#port) throw new Error('another port');
  }

  async stop(): Promise<void> {
    this.#server?.closeAllConnections();
    this.#server?.close();
    this.#server = undefined;
  }

  /** A signed snapshot; `changes` over a small one with revision 1. */
  async sign(
    changes: Partial<Snapshot>,
    key: KeyObject = this.#signing.privateKey,
    typ = 'portolan-snapshot+jwt',
  ): Promise<string> {
    const snapshot: Snapshot = {
      federation: FEDERATION,
      gateway: GATEWAY,
      url: 'https://aws.example.com',
      revision: 1,
      issuedAt: Date.now(),
      maxStalenessMs: 86_400_000,
      caBundle: [this.mesh.rootPem],
      snapshotKeys: [{ ...this.snapshotKey }],
      sealingKeys: this.#sealed,
      tables: { peers: [], servers: [], grants: [], tokens: [] },
      ...changes,
    };
    const payload = new TextEncoder().encode(JSON.stringify(snapshot));
    return new CompactSign(payload).setProtectedHeader({ alg: 'EdDSA', kid: 'k1', typ }).sign(key);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const socket = request.socket as TLSSocket;
    const path = request.url ?? '';
    const inMesh = (socket as { servername?: string }).servername?.startsWith('control.') ?? false;
    this.asked.push({ path, authorized: socket.authorized });
    if (path === '/api/v1/enroll' && !inMesh)
      return this.#identity(request, response, api.EnrollBody.parse(await body(request)));
    if (path === '/api/v1/renew' && inMesh)
      return this.#identity(request, response, api.RenewBody.parse(await body(request)));
    if (path.startsWith('/api/v1/gateways/self/snapshot?after=') && inMesh && socket.authorized) {
      response.writeHead(200).end(this.snapshot);
      return;
    }
    response.writeHead(404).end('{}');
  }

  async #identity(_request: IncomingMessage, response: ServerResponse, asked: api.RenewBody & Proof): Promise<void> {
    const refused = this.refuseWith ?? this.#refusal(asked);
    if (refused !== undefined) {
      const error = { code: 'refused', message: 'The enrolment secret is not valid.' };
      response.writeHead(refused, { 'content-type': 'application/json' }).end(JSON.stringify({ error }));
      return;
    }
    await this.#seal(asked.sealKey);
    const identity: api.Identity = {
      federation: FEDERATION,
      gateway: GATEWAY,
      certificateChain: await this.mesh.certify(asked.csr, gatewaySpiffeId(FEDERATION, GATEWAY), this.certificateLife),
      caBundle: [this.mesh.rootPem],
      natsJwt: await this.nats.gatewayJwt(GATEWAY, asked.nkey, this.certificateLife),
      snapshotKeys: [{ ...this.snapshotKey }],
      snapshot: await this.sign({}),
    };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(await this.bend(identity)));
  }

  #refusal({ token, serviceAccountToken }: Proof): number | undefined {
    if (token !== undefined) return token === TOKEN ? undefined : 401;
    if (serviceAccountToken !== undefined) return serviceAccountToken === this.serviceAccountToken ? undefined : 403;
    return this.refuseRenewalWith;
  }

  async #seal(sealKey: JWK): Promise<void> {
    const header = { alg: 'ECDH-ES+A256KW', enc: 'A256GCM' };
    const jwe = await new CompactEncrypt(this.#sealing)
      .setProtectedHeader(header)
      .encrypt(await importJWK(sealKey, 'ECDH-ES+A256KW'));
    const kid = createHash('sha256').update(this.#sealing).digest('hex').slice(0, 8);
    this.#sealed = [{ kid, createdAt: Date.now(), sealed: { [await calculateJwkThumbprint(sealKey)]: jwe } }];
  }
}

async function body(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString());
}
