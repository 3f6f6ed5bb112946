/** An issuer's JWKS address over https, for tests: answers what the test says, and counts. Its authority is trusted by this process while it runs. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { dataFiles } from '../config.ts';
import { ensureSiteCertificate } from '../init/site-certificate.ts';
import { kekOf } from '../keys/kek.ts';
import { keyFiles } from '../keys/key-files.ts';
import { makePrivateDirectory } from '../keys/private-files.ts';

export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

export interface JwksHost extends AsyncDisposable {
  readonly url: string;
  answer: Answer;
  asked: number;
}

export const json =
  (body: unknown): Answer =>
  (_, response) =>
    void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));

/** `trusted`: this process believes its certificate. */
export async function startJwksHost(trusted = true): Promise<JwksHost> {
  const { key, cert, ca } = await certificate();
  const before = getCACertificates('default');
  const server = createServer({ key, cert }, (request, response) => {
    host.asked += 1;
    host.answer(request, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  if (trusted) setDefaultCACertificates([...before, ca]);
  const host: JwksHost = {
    url: `https://localhost:${(server.address() as AddressInfo).port}/openid/v1/jwks`,
    answer: json({ keys: [] }),
    asked: 0,
    [Symbol.asyncDispose]: async () => {
      if (trusted) setDefaultCACertificates(before);
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return host;
}

async function certificate(): Promise<{ readonly key: string; readonly cert: string; readonly ca: string }> {
  const dataDir = await mkdtemp(join(tmpdir(), 'portolan-jwks-'));
  try {
    for (const directory of keyFiles(dataDir).directories) await makePrivateDirectory(directory);
    await ensureSiteCertificate({ dataDir, kek: kekOf(randomBytes(32)) }, ['localhost', '127.0.0.1'], Date.now());
    const files = dataFiles(dataDir);
    const read = (path: string): Promise<string> => readFile(path, 'utf8');
    return { key: await read(files.siteKey), cert: await read(files.siteCertificate), ca: await read(files.siteCa) };
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}
