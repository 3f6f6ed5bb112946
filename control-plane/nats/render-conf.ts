/**
 * The text of `nats.conf`. Pure. The file holds the store's key in line, so it is written with mode 0600 and holds no `$VARIABLE`.
 * TLS comes first on the wire, so that a balancer may read the server name, and demands a client certificate of the mesh: a second lock beside the nkey.
 */
import { join } from 'node:path';
import type { NatsKeys } from './keys.ts';

export interface NatsPlaces {
  /** host:port. */
  readonly listen: string;
  readonly monitor: string;
  readonly storeDir: string;
  readonly certFile: string;
  readonly keyFile: string;
  /** The mesh's root. */
  readonly clientCaFile: string;
}

export function renderNatsConf(places: NatsPlaces, keys: NatsKeys): string {
  const text = JSON.stringify; // nats.conf strings escape as JSON's do
  return `# Written by "control-plane init"; edits are lost.
server_name: portolan
listen: ${text(places.listen)}
http: ${text(places.monitor)}

operator: ${text(keys.operatorJwt)}
system_account: ${text(keys.system.getPublicKey())}
resolver: { type: full, dir: ${text(join(places.storeDir, 'jwt'))}, allow_delete: false, interval: "2m" }
resolver_preload: {
  ${keys.system.getPublicKey()}: ${text(keys.systemJwt)}
  ${keys.account.getPublicKey()}: ${text(keys.accountJwt)}
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
`;
}
