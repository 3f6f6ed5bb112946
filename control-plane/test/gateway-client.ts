/**
 * A gateway as the control plane sees one, for tests: its own keys, a certificate request, an identity, a connection to NATS.
 */
import 'reflect-metadata'; // @peculiar/x509 demands it before itself
import type { webcrypto } from 'node:crypto';
import { createUser, type KeyPair } from '@nats-io/nkeys';
import { connect, jwtAuthenticator, type NatsConnection } from '@nats-io/transport-node';
import { Pkcs10CertificateRequestGenerator } from '@peculiar/x509';
import type { api } from '@portolan/core';
import { exportJWK, generateKeyPair } from 'jose';
import type { Config } from '../config.ts';
import { siteFiles } from '../config.ts';
import { ES256, keyPem, makeKeys } from '../mesh-ca/x509.ts';

export interface GatewayKeys {
  readonly mesh: webcrypto.CryptoKeyPair;
  readonly nkey: KeyPair;
  readonly sealJwk: api.EnrollBody['sealKey'];
  readonly sealKey: webcrypto.CryptoKey;
}

export async function makeGatewayKeys(): Promise<GatewayKeys> {
  const seal = await generateKeyPair('ECDH-ES+A256KW', { crv: 'P-256', extractable: true });
  const { x = '', y = '' } = await exportJWK(seal.publicKey);
  return {
    mesh: await makeKeys(),
    nkey: createUser(),
    sealKey: seal.privateKey,
    sealJwk: { kty: 'EC', crv: 'P-256', x, y },
  };
}

/** `name`: what the request claims to be; nobody should believe it. */
export async function renewBody(keys: GatewayKeys, name = 'somebody'): Promise<api.RenewBody> {
  const csr = await Pkcs10CertificateRequestGenerator.create({
    name: `CN=${name}`,
    keys: keys.mesh,
    signingAlgorithm: ES256,
  });
  return { csr: csr.toString('pem'), nkey: keys.nkey.getPublicKey(), sealKey: keys.sealJwk };
}

/** Connects as the gateway does. Rejects where NATS refuses. `reconnect`: to another server when this one goes. */
export async function connectAsGateway(
  config: Config,
  keys: GatewayKeys,
  identity: api.Identity,
  reconnect = false,
): Promise<NatsConnection> {
  return connect({
    servers: [...config.nats.url],
    inboxPrefix: `_INBOX.${identity.gateway}`,
    authenticator: jwtAuthenticator(identity.natsJwt, keys.nkey.getSeed()),
    tls: {
      handshakeFirst: true,
      caFile: siteFiles(config).caFile ?? '',
      cert: identity.certificateChain,
      key: await keyPem(keys.mesh.privateKey),
    },
    timeout: 3_000,
    reconnect,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 100,
  });
}
