/**
 * A stand-in for a cluster's token issuer: signs projected service-account tokens with the claims that kube-apiserver writes
 * (kubernetes.io, "Managing Service Accounts", schema of private claims), and shows its keys as /openid/v1/jwks does.
 */
import { randomUUID } from 'node:crypto';
import type { WorkloadIdentity, WorkloadKey } from '@portolan/core';
import { type CryptoKey, calculateJwkThumbprint, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';

export interface Pod {
  readonly name: string;
  readonly uid: string;
}
export const makePod = (name = 'gateway-7d9c5b-x2x4z'): Pod => ({ name, uid: randomUUID() });

export interface Claimed {
  readonly pod?: Pod | undefined;
  readonly namespace?: string;
  readonly serviceAccount?: string;
  readonly audience?: string | string[];
  readonly issuer?: string;
  /** ms since epoch. */
  readonly issuedAt?: number;
  readonly lifeSeconds?: number;
  /** Written over all others. */
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly header?: Readonly<Record<string, unknown>>;
}

export class Cluster {
  readonly identity: WorkloadIdentity;
  readonly publicKey: WorkloadKey;
  readonly privateKey: CryptoKey;
  readonly #alg: string;

  private constructor(alg: string, keys: { publicKey: WorkloadKey; privateKey: CryptoKey }, name: string) {
    this.#alg = alg;
    this.publicKey = keys.publicKey;
    this.privateKey = keys.privateKey;
    this.identity = {
      issuer: `https://${name}.cluster.example`,
      jwks: { keys: [keys.publicKey] },
      audience: 'https://control.portolan.example',
      namespace: `portolan-${name}`,
      serviceAccount: 'gateway',
    };
  }

  static async start(name: string, alg = 'RS256'): Promise<Cluster> {
    const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
    const jwk = await exportJWK(publicKey);
    const shown = { ...jwk, use: 'sig', alg, kid: await calculateJwkThumbprint(jwk) } as unknown as WorkloadKey;
    return new Cluster(alg, { publicKey: shown, privateKey }, name);
  }

  /** A token that verifies, but for what `claimed` changes. `pod: undefined` binds it to none. */
  async token(claimed: Claimed = {}): Promise<string> {
    return new SignJWT(this.payload(claimed))
      .setProtectedHeader({ alg: this.#alg, kid: this.publicKey.kid, ...claimed.header })
      .sign(this.privateKey);
  }

  payload(claimed: Claimed = {}): JWTPayload {
    const { namespace, serviceAccount, audience, issuer } = { ...this.identity, ...claimed };
    const pod = 'pod' in claimed ? claimed.pod : makePod();
    const iat = Math.floor((claimed.issuedAt ?? Date.now()) / 1_000);
    const node = { name: 'node-1', uid: randomUUID() };
    return {
      aud: typeof audience === 'string' ? [audience] : audience,
      exp: iat + (claimed.lifeSeconds ?? 3_600),
      iat,
      iss: issuer,
      jti: randomUUID(),
      'kubernetes.io': {
        namespace,
        ...(pod ? { node, pod } : {}),
        serviceaccount: { name: serviceAccount, uid: randomUUID() },
      },
      nbf: iat,
      sub: `system:serviceaccount:${namespace}:${serviceAccount}`,
      ...claimed.claims,
    };
  }
}
