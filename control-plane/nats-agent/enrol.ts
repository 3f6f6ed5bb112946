/** Asks the control plane for what this server must hold: new keys for its certificate, the pod's token as proof. */
import { readFile } from 'node:fs/promises';
import { api } from '@portolan/core';
import { askHttps, type Reply } from '../ask-https.ts';
import { ES256, keyPem, makeKeys, Pkcs10CertificateRequestGenerator } from '../mesh-ca/x509.ts';
import type { NatsAgentConfig } from './config.ts';

export interface Enrolled {
  readonly identity: api.NatsServerIdentity;
  /** PEM. */
  readonly key: string;
}

/** The control plane said no: the same again is of no use until somebody has changed something. */
export class EnrolmentRefused extends Error {
  override readonly name = 'EnrolmentRefused';
}

/** Throws `EnrolmentRefused`, or an error where there was no answer that counts. */
export async function enrol({ controlPlane, serviceAccountTokenFile }: NatsAgentConfig): Promise<Enrolled> {
  const { url, tlsName, caFile } = controlPlane;
  const keys = await makeKeys();
  const csr = await Pkcs10CertificateRequestGenerator.create({ keys, signingAlgorithm: ES256 });
  const body: api.NatsServerEnrollBody = {
    serviceAccountToken: (await readGiven(serviceAccountTokenFile, 'serviceAccountTokenFile')).trim(),
    csr: csr.toString('pem'),
  };
  const reply = await askHttps({
    url: new URL(`${url}/api/v1/nats-servers/enroll`),
    ca: caFile === undefined ? undefined : await readGiven(caFile, 'controlPlane.caFile'),
    tlsName,
    method: 'POST',
    body,
  }).catch((cause: unknown) => {
    throw new Error(`The control plane does not answer at ${url}.`, { cause });
  });
  return { identity: identityOf(reply, url), key: await keyPem(keys.privateKey) };
}

async function readGiven(path: string, key: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause: unknown) => {
    throw new Error(`natsAgent.${key}: ${path} cannot be read.`, { cause });
  });
}

/** Nothing of an answer that is not understood is shown: it may hold keys. */
function identityOf({ status, text }: Reply, url: string): api.NatsServerIdentity {
  const body = parsed(text);
  if (status === 200) {
    const identity = api.NatsServerIdentity.safeParse(body);
    if (identity.success) return identity.data;
    throw new Error(`The answer of ${url} is none of a control plane of this version.`);
  }
  const said = api.ApiError.safeParse(body).data?.error.message ?? 'without a reason';
  const isFinal = status >= 400 && status < 500 && status !== 429;
  throw new (isFinal ? EnrolmentRefused : Error)(`The control plane at ${url} answered ${status}: ${said}`);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
