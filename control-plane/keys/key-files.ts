/**
 * Where each key lies below the data directory. Names that other processes read too (`site/`, `nats.conf`, `admin-token`, `kek`) stand in config.ts.
 */
import { join } from 'node:path';

export const keyFiles = (dataDir: string) =>
  ({
    directories: [
      dataDir,
      join(dataDir, 'mesh'),
      join(dataDir, 'nats'),
      join(dataDir, 'site'),
      join(dataDir, 'snapshot'),
    ],
    /** Root of the mesh: certificate, and key under the KEK. Needed only to issue intermediates. */
    meshRoot: join(dataDir, 'mesh', 'root.pem'),
    /** The root's certificate alone: what NATS checks client certificates against. */
    meshCa: join(dataDir, 'mesh', 'ca.crt'),
    /** Issuing intermediate: the same. */
    meshIssuer: join(dataDir, 'mesh', 'issuer.pem'),
    /** Ed25519 private JWK. */
    snapshotKey: join(dataDir, 'snapshot', 'signing.jwk'),
    /** Seeds and JWTs of operator, accounts and signers. */
    natsKeys: join(dataDir, 'nats', 'keys.json'),
    /** CA of the site's certificate, where init makes one: the same. */
    siteRoot: join(dataDir, 'site', 'ca.pem'),
  }) as const;
