/**
 * The control plane's own certificate in the mesh, `spiffe://<federation>/control`: in memory only, renewed at two thirds of its life.
 * The wall clock is asked every few seconds instead of setting one long timer, because a machine that slept must notice at its wake.
 */
import { CONTROL, controlSpiffeId, meshName } from '@portolan/core';
import type { MeshCertificate, MeshMaterial } from '../ports.ts';
import type { Signer } from './signer.ts';
import { keyPem, makeKeys, PublicKey } from './x509.ts';

const TICK_MS = 5_000;

export interface ControlCertificateSettings {
  readonly signer: Signer;
  readonly federation: string;
  readonly lifeMs: number;
  /** ms since epoch. */
  readonly now: () => number;
  /** A renewal failed; the next tick tries again. */
  readonly onFailure: (error: unknown) => void;
}

interface Issued extends MeshCertificate {
  readonly validFrom: number;
  readonly renewAt: number;
}

export class ControlCertificate implements MeshMaterial {
  readonly #settings: ControlCertificateSettings;
  readonly #listeners = new Set<() => void>();
  readonly #timer: NodeJS.Timeout;
  #issued: Issued;
  #renewing = false;

  constructor(settings: ControlCertificateSettings, first: Issued) {
    this.#settings = settings;
    this.#issued = first;
    this.#timer = setInterval(() => void this.tick(), Math.min(TICK_MS, settings.lifeMs / 10)).unref();
  }

  static async start(settings: ControlCertificateSettings): Promise<ControlCertificate> {
    return new ControlCertificate(settings, await issue(settings));
  }

  current(): MeshCertificate {
    return this.#issued;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Renews when it is time to. Never rejects. */
  async tick(): Promise<void> {
    if (this.#renewing || this.#isFresh()) return;
    this.#renewing = true;
    try {
      this.#issued = await issue(this.#settings);
      for (const listener of this.#listeners) listener();
    } catch (error) {
      this.#settings.onFailure(error);
    } finally {
      this.#renewing = false;
    }
  }

  /** A clock that was set back leaves us with a certificate from the future: that is replaced, too. */
  #isFresh(): boolean {
    const now = this.#settings.now();
    return now >= this.#issued.validFrom && now < this.#issued.renewAt;
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#listeners.clear();
  }
}

async function issue({ signer, federation, lifeMs, now }: ControlCertificateSettings): Promise<Issued> {
  const keys = await makeKeys();
  const signed = await signer.sign({
    publicKey: await PublicKey.create(keys.publicKey),
    spiffeId: controlSpiffeId(federation),
    dnsNames: [meshName(CONTROL, federation)],
    lifeMs,
  });
  return {
    key: await keyPem(keys.privateKey),
    certChain: signed.chain,
    caBundle: signer.roots,
    validFrom: signed.certificate.notBefore.getTime(),
    renewAt: now() + (lifeMs * 2) / 3,
  };
}
