/**
 * The admin token of a control plane: from its file, or from the Secret that a control plane in Kubernetes makes at its birth.
 * It stays in this process's memory; state and errors name only where it is.
 */
import { existsSync, readFileSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import type { KubeConfig } from '@kubernetes/client-node';
import { z } from 'zod';

const SecretRef = z.strictObject({
  /** A kubeconfig file. */
  kubeconfig: z.string().refine(isAbsolute, 'expected an absolute path'),
  /** Default: the file's current context. */
  context: z.string().min(1).optional(),
  namespace: z.string().min(1),
  name: z.string().min(1),
});
type SecretRef = z.output<typeof SecretRef>;

/** Where it is: paths and names only, so that state holds no secret. */
export const AdminTokenPlace = {
  adminTokenFile: z.string().min(1).optional(),
  /** Under the key `token`. */
  adminTokenSecret: SecretRef.optional(),
};

export interface AdminTokenPlace {
  readonly adminTokenFile?: string | undefined;
  readonly adminTokenSecret?: SecretRef | undefined;
}

/** It cannot be read now, and may be there later: the control plane writes it at its birth. */
export class AdminTokenMissing extends Error {}

const seen = new Map<string, string>();

/** The file's, where it is there, else the Secret's. Throws AdminTokenMissing. */
export async function readAdminToken({ adminTokenFile, adminTokenSecret }: AdminTokenPlace): Promise<string> {
  const isThere = adminTokenFile !== undefined && existsSync(adminTokenFile);
  if (adminTokenFile !== undefined && (isThere || adminTokenSecret === undefined))
    return readNeeded(adminTokenFile).trim();
  if (adminTokenSecret === undefined) throw new AdminTokenMissing('expected adminTokenFile or adminTokenSecret');
  const key = JSON.stringify(adminTokenSecret);
  const known = seen.get(key);
  if (known !== undefined) return known;
  const token = await readSecret(adminTokenSecret);
  seen.set(key, token);
  return token;
}

async function readSecret({ kubeconfig, context, namespace, name }: SecretRef): Promise<string> {
  const { CoreV1Api, KubeConfig: Config } = await import('@kubernetes/client-node'); // for those alone who have a cluster
  const where = `Secret ${namespace}/${name}, which holds the admin token,`;
  const config = new Config();
  try {
    config.loadFromFile(kubeconfig);
    if (context !== undefined) useContext(config, context);
    const { data } = await config.makeApiClient(CoreV1Api).readNamespacedSecret({ name, namespace });
    const token = data?.token;
    if (token !== undefined) return Buffer.from(token, 'base64').toString('utf8').trim();
  } catch (cause) {
    throw new AdminTokenMissing(`${where} cannot be read by ${kubeconfig}: ${reasonOf(cause)}`, { cause });
  }
  throw new AdminTokenMissing(`${where} has no key "token"`);
}

/** The client itself says only that there is no active cluster. */
function useContext(config: KubeConfig, context: string): void {
  const names = config.getContexts().map(({ name }) => name);
  if (!names.includes(context)) throw new Error(`it has no context "${context}", but ${names.join(', ') || 'none'}`);
  config.setCurrentContext(context);
}

/** The client's message holds headers and body of the answer; a person wants the status and the API's own words. */
function reasonOf(cause: unknown): string {
  const { code, body } = cause as { readonly code?: unknown; readonly body?: unknown };
  if (typeof code !== 'number') return (cause as Error).message;
  const said = z.object({ message: z.string() }).safeParse(typeof body === 'string' ? parseJson(body) : body);
  return said.success ? `${code} ${said.data.message}` : String(code);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function readNeeded(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new AdminTokenMissing(`${path} cannot be read (${(cause as NodeJS.ErrnoException).code})`, { cause });
  }
}
