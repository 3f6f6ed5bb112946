/**
 * A stand-in for kube-apiserver: Secrets of one namespace over HTTPS, answered as it answers (core/v1 Secret, meta/v1 Status), with what a test may
 * break. Its certificate is for 127.0.0.1 by a CA of its own.
 */

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dataFiles } from '../config.ts';
import { ensureSiteCertificate } from '../init/site-certificate.ts';
import { kekOf } from '../keys/kek.ts';

export interface TestApiServer extends AsyncDisposable {
  readonly config: { readonly apiServer: { readonly host: string; readonly port: number } };
  /** What kubelet mounts: token, ca.crt, namespace. */
  readonly directory: string;
  /** Name → manifest as it was sent. */
  readonly secrets: Map<string, { data?: Record<string, string>; immutable?: boolean; metadata: { name: string } }>;
  /** `get a`, `create b`, in order. */
  readonly asked: string[];
  /** Verbs that the pod's service account has. */
  readonly allowed: Set<string>;
  /** Called before a create is looked at: another may come first. */
  beforeCreate: (name: string) => void;
}

const NAMESPACE = 'portolan-control';
const TOKEN = 'token-of-the-pod';

export async function startTestApiServer(): Promise<TestApiServer> {
  const dir = await mkdtemp(join(tmpdir(), 'portolan-kube-'));
  const files = dataFiles(dir);
  await mkdir(join(dir, 'site'));
  await ensureSiteCertificate({ dataDir: dir, kek: kekOf(randomBytes(32)) }, ['127.0.0.1'], Date.now());
  const directory = join(dir, 'serviceaccount');
  await mkdir(directory);
  await writeFile(join(directory, 'ca.crt'), await readFile(files.siteCa));
  await writeFile(join(directory, 'namespace'), NAMESPACE);
  await writeFile(join(directory, 'token'), `${TOKEN}\n`);
  const state: Pick<TestApiServer, 'secrets' | 'asked' | 'allowed' | 'beforeCreate'> = {
    secrets: new Map(),
    asked: [],
    allowed: new Set(['get', 'create']),
    beforeCreate: () => {},
  };
  const pair = { cert: await readFile(files.siteCertificate), key: await readFile(files.siteKey) };
  const server = createServer(pair, async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const asked = { method: request.method ?? '', url: request.url ?? '', token: request.headers.authorization ?? '' };
    const [status, body] = answer(state, asked, Buffer.concat(chunks).toString());
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return Object.assign(state, {
    config: { apiServer: { host: '127.0.0.1', port } },
    directory,
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
      await rm(dir, { recursive: true, force: true });
    },
  });
}

const status = (code: number, reason: string, message: string): [number, unknown] => [
  code,
  { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code },
];

function answer(
  state: Pick<TestApiServer, 'secrets' | 'asked' | 'allowed' | 'beforeCreate'>,
  { method, url, token }: { readonly method: string; readonly url: string; readonly token: string },
  text: string,
): [number, unknown] {
  if (token !== `Bearer ${TOKEN}`) return status(401, 'Unauthorized', 'Unauthorized');
  const [, name] = /^\/api\/v1\/namespaces\/portolan-control\/secrets(?:\/([^/]+))?$/.exec(url) ?? [];
  const verb = { GET: 'get', POST: 'create' }[method];
  if (verb === undefined) return status(405, 'MethodNotAllowed', 'not a verb of this test');
  const wanted = verb === 'get' ? name : JSON.parse(text).metadata.name;
  state.asked.push(`${verb} ${wanted}`);
  if (!state.allowed.has(verb))
    return status(
      403,
      'Forbidden',
      `secrets "${wanted}" is forbidden: User "system:serviceaccount:${NAMESPACE}:birth" cannot ${verb} resource "secrets" in API group "" in the namespace "${NAMESPACE}"`,
    );
  if (verb === 'create') state.beforeCreate(wanted);
  const there = state.secrets.get(wanted);
  if (verb === 'get') return there ? [200, there] : status(404, 'NotFound', `secrets "${wanted}" not found`);
  if (there) return status(409, 'AlreadyExists', `secrets "${wanted}" already exists`);
  state.secrets.set(wanted, JSON.parse(text));
  return [201, state.secrets.get(wanted)];
}
