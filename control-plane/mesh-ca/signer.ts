/**
 * Issues the mesh's certificates. `Signer` is the seam where a cloud's private CA would stand; this one signs with an intermediate in memory.
 * Invariant: the intermediate is re-issued from the root when a third of its life is left, so no leaf ever outlives the one that signed it.
 */
import type { Kek } from '../keys/kek.ts';
import { keyFiles } from '../keys/key-files.ts';
import {
  type Authority,
  fingerprint,
  type IssuerScope,
  makeIssuer,
  readAuthority,
  writeAuthority,
} from './authority.ts';
import { type Leaf, makeLeaf } from './leaf.ts';
import { certificatePem, type X509Certificate } from './x509.ts';

export interface SignedLeaf {
  readonly certificate: X509Certificate;
  /** PEM: leaf, then the issuing intermediate. */
  readonly chain: string;
}

export interface Signer {
  /** Roots of the mesh, PEM. */
  readonly roots: readonly string[];
  /** SHA-256 (hex) of the root's DER. */
  readonly rootSha256: string;
  sign(leaf: Leaf): Promise<SignedLeaf>;
}

export interface MeshCaPlace extends IssuerScope {
  readonly dataDir: string;
  /** Opens and seals the authorities' keys. */
  readonly kek: Kek;
  /** ms since epoch. */
  readonly now: () => number;
}

export class MeshCa implements Signer {
  readonly roots: readonly string[];
  readonly rootSha256: string;
  readonly #place: MeshCaPlace;
  #issuer: Authority;
  #reissuing: Promise<Authority> | undefined;

  constructor(place: MeshCaPlace, root: X509Certificate, issuer: Authority) {
    this.#place = place;
    this.#issuer = issuer;
    this.roots = [certificatePem(root)];
    this.rootSha256 = fingerprint(root);
  }

  /** Reads what `init` wrote. */
  static async open(place: MeshCaPlace): Promise<MeshCa> {
    const files = keyFiles(place.dataDir);
    const root = await readAuthority(files.meshRoot, 'Mesh root', place.kek);
    return new MeshCa(place, root.certificate, await readAuthority(files.meshIssuer, 'Mesh issuer', place.kek));
  }

  async sign(leaf: Leaf): Promise<SignedLeaf> {
    const issuer = await this.#current();
    const certificate = await makeLeaf(issuer, leaf, this.#place.now());
    return { certificate, chain: certificatePem(certificate) + certificatePem(issuer.certificate) };
  }

  async #current(): Promise<Authority> {
    if (!isOld(this.#issuer.certificate, this.#place.now())) return this.#issuer;
    this.#reissuing ??= this.#reissue().finally(() => {
      this.#reissuing = undefined;
    });
    return this.#reissuing;
  }

  async #reissue(): Promise<Authority> {
    this.#issuer = await reissue(this.#place);
    return this.#issuer;
  }
}

/** Makes a new intermediate and replaces the file. */
export async function reissue({ dataDir, kek, now, ...scope }: MeshCaPlace): Promise<Authority> {
  const files = keyFiles(dataDir);
  const root = await readAuthority(files.meshRoot, 'Mesh root', kek);
  const issuer = await makeIssuer(root, scope, now());
  await writeAuthority(files.meshIssuer, issuer, kek);
  return issuer;
}

/** Pure: is only a third of its life left. */
export function isOld(certificate: X509Certificate, now: number): boolean {
  const end = certificate.notAfter.getTime();
  return end - now <= (end - certificate.notBefore.getTime()) / 3;
}
