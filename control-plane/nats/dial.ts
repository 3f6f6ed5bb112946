/**
 * One connection to NATS as one of our users. Certificate, key and JWT are asked for at every dial, so that a renewed one is used at the next reconnect.
 * The site's CA vouches for the server, the mesh's CA for us.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { connect, jwtAuthenticator, type NatsConnection } from '@nats-io/transport-node';
import type { MeshMaterial } from '../ports.ts';
import type { NatsUser } from './user-jwt.ts';

export interface NatsAddress {
  /** One a server, or one name for all. */
  readonly urls: readonly string[];
  /** Name that the servers' certificate carries, where it is not the host of their URL. */
  readonly tlsName?: string | undefined;
  /** CA of the server's certificate, PEM file; read at every dial. Absent: the system's. */
  readonly caFile?: string | undefined;
  readonly material: MeshMaterial;
}

/** Rejects when no server answers within 5 s. What is connected reconnects until it is closed. */
export function dial(
  { urls, tlsName, caFile, material }: NatsAddress,
  user: NatsUser,
  name: string,
): Promise<NatsConnection> {
  return connect({
    servers: [...urls],
    name: `portolan ${name}`,
    inboxPrefix: `_INBOX.${name}`,
    authenticator: jwtAuthenticator(user.jwt, user.seed),
    tls: {
      handshakeFirst: true,
      ...(caFile === undefined ? {} : { caFile }),
      ...(tlsName === undefined ? {} : { servername: tlsName }),
      get cert() {
        return material.current().certChain;
      },
      get key() {
        return material.current().key;
      },
    },
    timeout: 5_000,
    // a half-open link is seen in 8 s instead of minutes
    pingInterval: 3_000,
    maxPingOut: 2,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 250,
    reconnectJitterTLS: 500,
    // the client would close for good after two equal authentication errors: a server that is being re-made gives those
    ignoreAuthErrorAbort: true,
  });
}

/**
 * Closes a connection. Not in the same turn as a write: when the server has just gone, such a write fails one tick later, and the client's `close`
 * would have taken away the listener that hears it, so that the error would end the process (seen with transport-node 3.4.0).
 */
export async function hangUp(nc: NatsConnection): Promise<void> {
  await turn();
  await nc.close();
}
