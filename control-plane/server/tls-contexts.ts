/**
 * One TLS port, two trusts: the public name with the site's certificate, the mesh name with the mesh's certificate and its CA.
 * Invariants: TLS 1.3 only; no session tickets, because a resumed session is not asked for its certificate again; the mesh CA stands on the mesh
 * context alone, so a client certificate counts for nothing at the public name.
 */
import { constants } from 'node:crypto';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import type { MeshMaterial } from '../ports.ts';
import type { SiteSource } from './site-certificate.ts';

export const TLS_RULES = {
  minVersion: 'TLSv1.3',
  secureOptions: constants.SSL_OP_NO_TICKET,
} as const satisfies SecureContextOptions;

/** Holds the two contexts and renews each when its certificate changes; connections that are open live on. */
export class TlsContexts {
  readonly #meshName: string;
  readonly #stop: readonly (() => void)[];
  #site: SecureContext | undefined;
  #mesh: SecureContext;

  constructor(site: SiteSource, mesh: MeshMaterial, meshName: string) {
    this.#meshName = meshName;
    this.#site = siteContext(site);
    this.#mesh = meshContext(mesh);
    this.#stop = [
      site.onChange(() => {
        this.#site = siteContext(site);
      }),
      mesh.onChange(() => {
        this.#mesh = meshContext(mesh);
      }),
    ];
  }

  /**
   * For any name but the mesh's the public one: clients check the name themselves, and some (by IP address) send none.
   * Throws while there is no certificate for it.
   */
  choose(serverName: string): SecureContext {
    const chosen = serverName.toLowerCase() === this.#meshName ? this.#mesh : this.#site;
    if (!chosen) throw new Error('the certificate of the public name has not come yet');
    return chosen;
  }

  stop(): void {
    for (const end of this.#stop) end();
  }
}

function siteContext(site: SiteSource): SecureContext | undefined {
  const pair = site.current();
  return pair && createSecureContext({ ...TLS_RULES, ...pair });
}

function meshContext(mesh: MeshMaterial): SecureContext {
  const { certChain, key, caBundle } = mesh.current();
  return createSecureContext({ ...TLS_RULES, cert: certChain, key, ca: [...caBundle] });
}
