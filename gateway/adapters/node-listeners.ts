/**
 * The sockets that calls come in on. TLS: one port, two names told apart by SNI. The public name shows the public certificate and believes no
 * client certificate; the mesh name shows the mesh certificate and trusts the mesh's roots alone. Plain HTTP: loopback only.
 * Certificates are swapped without a new socket. Invariant: a peer is identified once, when TLS has verified it; no session is resumed, because a
 * resumed one would skip that; a connection that the snapshot no longer allows is cut.
 */
import { constants } from 'node:crypto';
import { createServer, type Server as HttpServer, type RequestListener, type ServerOptions } from 'node:http';
import { createServer as createTlsServer, type Server as HttpsServer } from 'node:https';
import { type AddressInfo, Server as NetServer, type Socket } from 'node:net';
import { createSecureContext, type SecureContext, type SecureContextOptions, type TLSSocket } from 'node:tls';
import { meshName } from '@portolan/core';
import { type Address, addressText, isLoopback } from '../listen-address.ts';
import type {
  Clock,
  Door,
  Intake,
  Listener,
  Log,
  MeshCredentials,
  MeshIdentity,
  PublicCertificate,
  Registry,
} from '../ports.ts';
import { AcceptedLinks } from './link/accept-links.ts';
import { LINK_PROTOCOL } from './link/frames.ts';
import { peerOf } from './mesh-certificate.ts';
import { MeshSockets, type Roots, rootsOf } from './mesh-sockets.ts';

// table: HTTP bounds of every listener. Long resource URIs travel in Mcp-Name, so headers get twice node's default.
const HTTP: ServerOptions = {
  maxHeaderSize: 32_768,
  headersTimeout: 15_000,
  requestTimeout: 120_000,
  keepAliveTimeout: 75_000,
  connectionsCheckingInterval: 5_000,
  keepAlive: true,
  keepAliveInitialDelay: 30_000,
};
/** Whoever has not finished TLS by then holds up no drain. */
const HANDSHAKE_MS = 5_000;

export interface TlsListening {
  readonly address: Address;
  readonly certificate: PublicCertificate;
  readonly identity: MeshIdentity;
  readonly registry: Registry;
  readonly intake: Intake;
  readonly clock: Clock;
  readonly log: Log;
}

/** TLS 1.3 alone, and no tickets: a client certificate counts only in the handshake that showed it. */
const tls13 = (material: SecureContextOptions): SecureContextOptions => ({
  ...material,
  minVersion: 'TLSv1.3',
  maxVersion: 'TLSv1.3',
  secureOptions: constants.SSL_OP_NO_TICKET,
});

/** Binds and answers when connections are accepted. Throws the system's error (`EADDRINUSE`) with the address in its message. */
export async function listenTls(options: TlsListening): Promise<Listener> {
  return new TlsListener(options).bind(options.address);
}

/** The second door for calls on this machine. Throws `TypeError` for any address but loopback. */
export async function listenLoopback(address: Address, intake: Intake): Promise<Listener> {
  if (!isLoopback(address.host)) throw new TypeError(`${addressText(address)} is not a loopback address`);
  const server = createServer(HTTP, (request, response) => intake.handle(request, response));
  server.prependListener('connection', (socket) => intake.connected(socket, { kind: 'loopback' }));
  server.on('clientError', (error, socket) => intake.malformed(error, socket as Socket));
  return new OpenListener(server).bind(address);
}

/** Health and metrics: plain HTTP, any address, whatever `answer` serves. */
export async function listenPlain(address: Address, answer: RequestListener): Promise<Listener> {
  return new OpenListener(createServer(HTTP, answer)).bind(address);
}

class OpenListener implements Listener {
  readonly #server: HttpServer | HttpsServer;
  #port = 0;

  constructor(server: HttpServer | HttpsServer) {
    this.#server = server;
  }

  get port(): number {
    return this.#port;
  }

  bind({ host, port }: Address): Promise<this> {
    const { promise, resolve, reject } = Promise.withResolvers<this>();
    this.#server.once('error', reject);
    this.#server.listen(port, host, () => {
      this.#server.off('error', reject);
      this.#port = (this.#server.address() as AddressInfo).port;
      resolve(this);
    });
    return promise;
  }

  stop(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    // http.Server's own close() would cut idle connections at once, and race with the next request on them
    NetServer.prototype.close.call(this.#server, () => resolve());
    return promise;
  }

  closeIdle(): void {
    this.#server.closeIdleConnections();
  }

  closeAll(): void {
    this.#server.closeAllConnections();
  }
}

class TlsListener extends OpenListener {
  readonly #server: HttpsServer;
  readonly #options: TlsListening;
  readonly #peers: MeshSockets;
  readonly #links: AcceptedLinks;
  readonly #stops: readonly (() => void)[];
  #public: SecureContext | undefined;
  #mesh: SecureContext | undefined;
  #roots: Roots = [];

  constructor(options: TlsListening) {
    const { certificate, identity, intake, registry } = options;
    const publicName = publicMaterial(certificate);
    const server = createTlsServer(
      {
        ...HTTP,
        ...(publicName ?? tls13({})),
        handshakeTimeout: HANDSHAKE_MS,
        requestCert: true,
        rejectUnauthorized: false,
        SNICallback: (name, done) => this.#choose(name, done),
        ALPNCallback: ({ servername, protocols }) => this.#protocol(servername, protocols),
      },
      (request, response) => intake.handle(request, response),
    );
    super(server);
    this.#server = server;
    this.#options = options;
    this.#peers = new MeshSockets(options.clock);
    this.#public = publicName && createSecureContext(publicName);
    this.#loadMesh();
    this.#stops = [
      certificate.onChange(() => this.#loadPublic()),
      identity.onChange(() => this.#loadMesh()),
      registry.onChange(() => this.#sweep()),
    ];
    this.#links = new AcceptedLinks(intake);
    const [http] = server.listeners('secureConnection');
    if (!http) throw new Error('node:https takes its connections in another way');
    server.removeAllListeners('secureConnection').on('secureConnection', (socket) => {
      const door = this.#door(socket);
      if (socket.alpnProtocol === LINK_PROTOCOL) return this.#links.accept(socket, door);
      intake.connected(socket, door);
      http.call(server, socket);
    });
    server.on('clientError', (error, socket) => intake.malformed(error, socket as Socket));
    // a failed handshake is the client's to explain; without this listener it would be nobody's
    server.on('tlsClientError', (_error, socket) => socket.destroy());
  }

  override async stop(): Promise<void> {
    this.#links.askToLeave();
    await super.stop();
    for (const stop of this.#stops) stop(); // what the snapshot no longer allows is cut till the last
  }

  override closeIdle(): void {
    this.#links.hangUpIdle();
    super.closeIdle();
  }

  override closeAll(): void {
    this.#links.cutAll();
    super.closeAll();
  }

  /** Node lets an exception of this callback end the process (CVE-2026-21637). */
  #choose(name: string, done: (error: Error | null, context?: SecureContext) => void): void {
    try {
      const mesh = this.#isMeshName(name);
      const context = mesh ? this.#mesh : this.#public;
      if (context) done(null, context);
      else done(new Error(`this gateway has no ${mesh ? 'mesh' : 'public'} certificate yet`));
    } catch (error) {
      done(error as Error);
    }
  }

  #isMeshName(name: string | false | null): boolean {
    const own = this.#options.identity.current();
    return own !== undefined && name !== false && name?.toLowerCase() === meshName(own.gateway, own.federation);
  }

  /** Undefined: refused by TLS (RFC 7301 §3.2). */
  #protocol(servername: string, protocols: readonly string[]): string | undefined {
    if (protocols.includes(LINK_PROTOCOL) && this.#isMeshName(servername)) return LINK_PROTOCOL;
    return protocols.includes('http/1.1') ? 'http/1.1' : undefined;
  }

  #door(socket: TLSSocket): Door {
    const own = this.#options.identity.current();
    if (!own || !this.#isMeshName(socket.servername ?? null)) return { kind: 'public' };
    const peer = peerOf(socket, own.federation);
    if (peer) this.#peers.add(socket, peer, this.#roots);
    return { kind: 'mesh', peer };
  }

  #sweep(): void {
    const peers = this.#options.registry.current()?.peers;
    if (peers) this.#peers.sweep(peers, this.#roots);
  }

  #loadPublic(): void {
    this.#load('public', () => {
      const material = publicMaterial(this.#options.certificate);
      if (!material) return;
      this.#public = createSecureContext(material);
      this.#server.setSecureContext(material);
    });
  }

  #loadMesh(): void {
    this.#load('mesh', () => {
      const own = this.#options.identity.current();
      this.#mesh = own && createSecureContext(meshMaterial(own));
      this.#roots = rootsOf(own);
    });
    this.#sweep();
  }

  /** New material that cannot be loaded leaves the old one in force. */
  #load(name: string, load: () => void): void {
    try {
      load();
    } catch (error) {
      this.#options.log.error({ err: error }, `the ${name} certificate could not be loaded`);
    }
  }
}

/** Undefined before there is one: whoever comes by the public name then is refused by TLS. */
function publicMaterial(certificate: PublicCertificate): SecureContextOptions | undefined {
  const pair = certificate.current();
  return pair && tls13({ key: pair.key, cert: pair.chain });
}

const meshMaterial = ({ key, chain, ca }: MeshCredentials): SecureContextOptions =>
  tls13({ key, cert: chain, ca: [...ca] });
