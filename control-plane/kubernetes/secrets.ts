/**
 * Reads and makes Secrets by the API of Kubernetes (core/v1, `GET` and `POST /api/v1/namespaces/<namespace>/secrets`). It has no way to change or to
 * delete one: what is there may be the only key to everything. No error holds anything of a Secret but its name.
 */
import { z } from 'zod';
import { askHttps, type Reply } from '../ask-https.ts';

export interface SecretsSettings {
  readonly host: string;
  readonly port: number;
  /** PEM: authorities of the API server's certificate. */
  readonly ca: string;
  /** Asked for at each request, because kubelet renews it. */
  readonly token: () => Promise<string>;
  readonly namespace: string;
}

export interface NewSecret {
  readonly data: Readonly<Record<string, Uint8Array>>;
  /** Kubernetes refuses changes of its data from then on. */
  readonly immutable?: boolean;
}

export interface Secrets {
  readonly namespace: string;
  /** Key → value; undefined where there is none of this name. */
  read(name: string): Promise<ReadonlyMap<string, Buffer> | undefined>;
  /** Answers false, and changes nothing, where there is one. */
  create(name: string, secret: NewSecret): Promise<boolean>;
}

const Secret = z.object({ data: z.record(z.string(), z.string()).nullish() });
const Status = z.object({ message: z.string() });

interface Call {
  readonly verb: 'get' | 'create';
  readonly name: string;
  readonly body?: unknown;
}

export function secretsOf(settings: SecretsSettings): Secrets {
  const { namespace } = settings;
  return {
    namespace,
    read: async (name) => {
      const call = { verb: 'get', name } as const;
      const reply = await send(settings, call);
      if (reply.status === 404) return undefined;
      if (reply.status !== 200) throw refused(settings, call, reply);
      const { data } = Secret.parse(JSON.parse(reply.text));
      return new Map(Object.entries(data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64')]));
    },
    create: async (name, secret) => {
      const call = { verb: 'create', name, body: manifest(name, secret) } as const;
      const reply = await send(settings, call);
      if (reply.status === 409) return false;
      if (reply.status !== 201) throw refused(settings, call, reply);
      return true;
    },
  };
}

function manifest(name: string, { data, immutable }: NewSecret): unknown {
  const encoded = Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')]);
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name,
      labels: { 'app.kubernetes.io/part-of': 'portolan', 'app.kubernetes.io/managed-by': 'portolan-control-plane' },
    },
    type: 'Opaque',
    ...(immutable ? { immutable } : {}),
    data: Object.fromEntries(encoded),
  };
}

async function send(settings: SecretsSettings, { verb, name, body }: Call): Promise<Reply> {
  const { host, port, ca, namespace, token } = settings;
  const path = `/api/v1/namespaces/${namespace}/secrets${verb === 'get' ? `/${name}` : ''}`;
  const url = new URL(path, `https://${host.includes(':') ? `[${host}]` : host}:${port}`);
  const headers = { authorization: `Bearer ${await token()}`, accept: 'application/json' };
  return askHttps({ url, ca, headers, body, method: verb === 'get' ? 'GET' : 'POST' }).catch((cause: unknown) => {
    throw new Error(
      `Kubernetes: cannot ${verb} Secret "${name}": no answer from the API server at ${host}:${port}. Expected the NetworkPolicies to let this pod reach it.`,
      { cause },
    );
  });
}

function refused({ namespace }: SecretsSettings, { verb, name }: Call, { status, text }: Reply): Error {
  const what = `Kubernetes: cannot ${verb} Secret "${name}" in namespace "${namespace}"`;
  if (status === 401)
    return new Error(
      `${what}: the API server does not accept the token of this pod (401). Expected automountServiceAccountToken: true.`,
    );
  if (status === 403)
    return new Error(
      `${what}: the pod's service account may not ${verb} secrets (403: ${messageOf(text)}). ` +
        `Expected a Role in "${namespace}" with verbs get and create on resource secrets (API group ""), and a RoleBinding to that service account.`,
    );
  return new Error(`${what}: the API server answered ${status} (${messageOf(text)}).`);
}

/** Of an answer that is no Secret: a `Status` of Kubernetes. */
function messageOf(text: string): string {
  try {
    return Status.parse(JSON.parse(text)).message.slice(0, 500);
  } catch {
    return 'without a reason';
  }
}
