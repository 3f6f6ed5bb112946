/**
 * Plays the birth of a control plane where pods are simulated: once the API server says that a job has completed, the Secrets are
 * there that the job would have made.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type KubeApi, type KubeObject, Refused } from './kubernetes/index.ts';

const pollMs = 200;

export interface Birth {
  readonly api: KubeApi;
  /** Of the control plane. */
  readonly namespace: string;
  readonly adminToken: string;
  readonly signal: AbortSignal;
}

interface Job extends KubeObject {
  readonly status?: { readonly succeeded?: number };
}

/** Until the signal. */
export async function playBirth({ api, namespace, adminToken, signal }: Birth): Promise<void> {
  const secret = (name: string, stringData: Readonly<Record<string, string>>) => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace },
    stringData,
  });
  const makes: Readonly<Record<string, () => readonly object[]>> = {
    birth: () => [
      secret('kek', { kek: randomBytes(32).toString('base64') }),
      secret('database', { password: randomBytes(24).toString('hex'), pgpass: randomBytes(24).toString('hex') }),
    ],
    init: () => [secret('admin-token', { token: adminToken })],
  };
  while (!signal.aborted) {
    const jobs = await api.list<Job>(`/apis/batch/v1/namespaces/${namespace}/jobs`).catch(() => []);
    for (const { metadata, status } of jobs) {
      const secrets = makes[metadata.name.split('-')[0] ?? ''];
      if (secrets && status?.succeeded) for (const one of secrets()) await makeOnce(api, namespace, one);
    }
    await delay(pollMs, undefined, { signal }).catch(() => {}); // the signal
  }
}

async function makeOnce(api: KubeApi, namespace: string, secret: object): Promise<void> {
  await api.ask('POST', `/api/v1/namespaces/${namespace}/secrets`, { body: secret }).catch((error: unknown) => {
    // it is there, or its namespace is going
    if (!(error instanceof Refused && [404, 403, 409].includes(error.status.code))) throw error;
  });
}
