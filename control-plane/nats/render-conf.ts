/**
 * The text of `nats.conf`. Pure. The file holds the store's key in line, so it is written with mode 0600 and holds no `$VARIABLE`.
 * TLS comes first on the wire, so that a balancer may read the server name, and demands a client certificate of the mesh: a second lock beside the nkey.
 */
import { join } from 'node:path';

/** What a server must hold of the operator's keys. */
export interface NatsMaterial {
  readonly operatorJwt: string;
  /** Public keys. */
  readonly systemAccount: string;
  readonly account: string;
  readonly systemJwt: string;
  readonly accountJwt: string;
  readonly storeKey: string;
}

/** How the servers of a cluster reach each other. */
export interface NatsCluster {
  /** host:port. */
  readonly listen: string;
  /** host:port under which the others find this one: a name that its certificate carries. Absent: its address, which none does. */
  readonly advertise?: string | undefined;
  /** host:port of every server, its own too. Their names are those that a route's certificate must carry. */
  readonly routes: readonly string[];
  /** PEM: mesh leaf and key in one file, so that the two never disagree. */
  readonly certificateFile: string;
}

export interface NatsPlaces {
  readonly serverName: string;
  readonly writtenBy: string;
  /** host:port. */
  readonly listen: string;
  readonly monitor: string;
  readonly storeDir: string;
  readonly certFile: string;
  readonly keyFile: string;
  /** The mesh's root. */
  readonly clientCaFile: string;
  readonly pidFile?: string;
  readonly cluster?: NatsCluster | undefined;
}

export function renderNatsConf(places: NatsPlaces, keys: NatsMaterial): string {
  const text = JSON.stringify; // nats.conf strings escape as JSON's do
  return `# Written by "control-plane ${places.writtenBy}"; edits are lost.
server_name: ${text(places.serverName)}
listen: ${text(places.listen)}
http: ${text(places.monitor)}
max_payload: 1048576
${places.pidFile === undefined ? '' : `pid_file: ${text(places.pidFile)}\n`}
operator: ${text(keys.operatorJwt)}
system_account: ${text(keys.systemAccount)}
resolver: { type: full, dir: ${text(join(places.storeDir, 'jwt'))}, allow_delete: false, interval: "2m" }
resolver_preload: {
  ${keys.systemAccount}: ${text(keys.systemJwt)}
  ${keys.account}: ${text(keys.accountJwt)}
}

tls {
  cert_file: ${text(places.certFile)}
  key_file: ${text(places.keyFile)}
  ca_file: ${text(places.clientCaFile)}
  verify: true
  timeout: 5
  handshake_first: true
}

jetstream {
  store_dir: ${text(join(places.storeDir, 'js'))}
  sync_interval: always
  cipher: aes
  key: ${text(keys.storeKey)}
}
${places.cluster === undefined ? '' : renderCluster(places.cluster, places.clientCaFile)}`;
}

/**
 * A mesh certificate alone is no right to be a server: gateways have one. So a route is let in for a name of `routes` alone, which the issuer gives to
 * servers only. Clients are not told of the others' addresses: outside the cluster nobody could dial them.
 */
function renderCluster({ listen, advertise, routes, certificateFile }: NatsCluster, caFile: string): string {
  const text = JSON.stringify;
  return `
cluster {
  name: portolan
  listen: ${text(listen)}
  ${advertise === undefined ? '' : `advertise: ${text(advertise)}\n  `}no_advertise: true
  routes: ${text(routes.map((route) => `nats-route://${route}`))}
  tls {
    cert_file: ${text(certificateFile)}
    key_file: ${text(certificateFile)}
    ca_file: ${text(caFile)}
    verify_cert_and_check_known_urls: true
    timeout: 5
  }
}
`;
}
