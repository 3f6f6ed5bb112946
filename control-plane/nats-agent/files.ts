/** The files of one server: `nats.conf` with the keys in line, its mesh certificate with its key, the mesh's roots. All mode 0600, each whole. */
import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import type { api } from '@portolan/core';
import { makePrivateDirectory, readIfThere, writePrivately } from '../keys/private-files.ts';
import { renderNatsConf } from '../nats/render-conf.ts';
import type { NatsAgentConfig } from './config.ts';
import type { Enrolled } from './enrol.ts';

export const agentFiles = (dir: string) =>
  ({
    conf: join(dir, 'nats.conf'),
    /** Mesh leaf, its issuer, and its key. */
    certificate: join(dir, 'server.pem'),
    roots: join(dir, 'mesh-ca.crt'),
    /** The ordered certificate of the public name and its key: in one file, so that the two never disagree. */
    public: join(dir, 'public.pem'),
    /** Written by nats-server. */
    pid: join(dir, 'nats.pid'),
  }) as const;

/** Files of the public name's certificate. */
export const publicFiles = ({ certificate, dir }: Pick<NatsAgentConfig, 'certificate' | 'dir'>) => {
  if (certificate !== 'acme') return certificate;
  const { public: both } = agentFiles(dir);
  return { certFile: both, keyFile: both };
};

/** What is there already is left alone. */
export async function writePublicPair(dir: string, { cert, key }: api.PublicPair): Promise<void> {
  const { public: path } = agentFiles(dir);
  const text = cert.endsWith('\n') ? cert + key : `${cert}\n${key}`;
  if ((await readIfThere(path)) === text) return;
  await makePrivateDirectory(dir);
  await writePrivately(path, text);
}

/** `nats.conf` last: where it is, all is. */
export async function writeServerFiles(
  { dir, storeDir, listen, routes, certificate }: NatsAgentConfig,
  { identity, key }: Enrolled,
): Promise<void> {
  const files = agentFiles(dir);
  await makePrivateDirectory(dir);
  await writePrivately(files.certificate, identity.certificateChain + key);
  await writePrivately(files.roots, identity.caBundle.join(''));
  const advertise = routes.find((route) => route.startsWith(`${identity.server}.`));
  const cluster =
    routes.length === 0 ? undefined : { listen: listen.cluster, advertise, routes, certificateFile: files.certificate };
  const places = {
    serverName: identity.server,
    writtenBy: 'nats-agent',
    listen: listen.clients,
    monitor: listen.monitor,
    storeDir,
    ...publicFiles({ certificate, dir }),
    clientCaFile: files.roots,
    pidFile: files.pid,
    cluster,
  };
  await writePrivately(files.conf, renderNatsConf(places, identity));
}

/** When the certificate that lies there is at two thirds of its life (ms since epoch); 0 where nothing complete lies there. */
export async function renewalDue(dir: string): Promise<number> {
  const files = agentFiles(dir);
  const [pem, conf] = [await readIfThere(files.certificate), await readIfThere(files.conf)];
  if (pem === undefined || conf === undefined) return 0;
  const { validFromDate, validToDate } = new X509Certificate(pem);
  return validFromDate.getTime() + ((validToDate.getTime() - validFromDate.getTime()) * 2) / 3;
}
