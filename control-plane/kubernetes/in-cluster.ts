/** The API of the cluster that this pod is in, as kubelet tells it: address in the environment, token, CA and namespace in files. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../config.ts';
import { type Secrets, secretsOf } from './secrets.ts';

const DIRECTORY = '/var/run/secrets/kubernetes.io/serviceaccount';

/** `directory`: where kubelet puts the files. Throws an error that says what is missing. */
export async function inClusterSecrets(
  { apiServer }: Pick<Config, 'apiServer'>,
  directory: string = DIRECTORY,
): Promise<Secrets> {
  if (!apiServer)
    throw new Error(
      'Kubernetes: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set. The section "kubernetes:" of the configuration is for a pod.',
    );
  const read = async (name: string): Promise<string> => {
    const path = join(directory, name);
    return (
      await readFile(path, 'utf8').catch((cause: unknown) => {
        throw new Error(`Kubernetes: ${path} cannot be read. Expected automountServiceAccountToken: true.`, { cause });
      })
    ).trim();
  };
  const [ca, namespace] = await Promise.all([read('ca.crt'), read('namespace')]);
  return secretsOf({ ...apiServer, ca, namespace, token: () => read('token') });
}
