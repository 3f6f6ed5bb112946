/** Keys, tokens and kubeconfig of one cluster, all in its folder, 0600. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Credentials {
  /** Of user `admin`, group system:masters. */
  readonly token: string;
  readonly tokenFile: string;
  readonly serviceAccountKey: string;
  readonly serviceAccountPublicKey: string;
}

export function makeCredentials(folder: string): Credentials {
  const token = randomBytes(24).toString('hex');
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return {
    token,
    tokenFile: secret(folder, 'tokens.csv', `${token},admin,admin,system:masters\n`),
    serviceAccountKey: secret(folder, 'sa.key', privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()),
    serviceAccountPublicKey: secret(folder, 'sa.pub', publicKey.export({ type: 'spki', format: 'pem' }).toString()),
  };
}

/** kubectl's file, as JSON, which is YAML. `proxy` and `exec` are not there: one cluster, one user, one context. */
export function kubeconfigOf(name: string, server: string, ca: string, token: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server, 'certificate-authority-data': Buffer.from(ca).toString('base64') } }],
    users: [{ name: 'admin', user: { token } }],
    contexts: [{ name, context: { cluster: name, user: 'admin' } }],
    'current-context': name,
  });
}

export function secret(folder: string, file: string, text: string): string {
  const path = join(folder, file);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}
