/** Asks the control plane for what this server must hold: new keys for its certificate, the pod's token as proof. */
import { readFile } from 'node:fs/promises';
import { api } from '@portolan/core';
import type { z } from 'zod';
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
export async function enrol(config: NatsAgentConfig): Promise<Enrolled> {
  const keys = await makeKeys();
  const csr = await Pkcs10CertificateRequestGenerator.create({ keys, signingAlgorithm: ES256 });
  const identity = await ask(config, {
    path: 'enroll',
    more: { csr: csr.toString('pem') },
    as: api.NatsServerIdentity,
  });
  return { identity, key: await keyPem(keys.privateKey) };
}

/** The certificate that was ordered for the public name. Throws as `enrol` does. */
export const publicPair = (config: NatsAgentConfig): Promise<api.PublicPair> =>
  ask(config, { path: 'certificate', more: {}, as: api.PublicPair });

interface Question<Answer> {
  readonly path: string;
  /** Asked beside the proof of who asks. */
  readonly more: object;
  readonly as: z.ZodType<Answer>;
}

async function ask<Answer>(
  { controlPlane, serviceAccountTokenFile }: NatsAgentConfig,
  { path, more, as }: Question<Answer>,
): Promise<Answer> {
  const { url, tlsName, caFile } = controlPlane;
  const token = await readGiven(serviceAccountTokenFile, 'serviceAccountTokenFile');
  const reply = await askHttps({
    url: new URL(`${url}/api/v1/nats-servers/${path}`),
    ca: caFile === undefined ? undefined : await readGiven(caFile, 'controlPlane.caFile'),
    tlsName,
    method: 'POST',
    body: { serviceAccountToken: token.trim(), ...more },
  }).catch((cause: unknown) => {
    throw new Error(`The control plane does not answer at ${url}.`, { cause });
  });
  return answerOf(reply, url, as);
}

async function readGiven(path: string, key: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause: unknown) => {
    throw new Error(`natsAgent.${key}: ${path} cannot be read.`, { cause });
  });
}

/** Nothing of an answer that is not understood is shown: it may hold keys. */
function answerOf<Answer>({ status, text }: Reply, url: string, as: z.ZodType<Answer>): Answer {
  const body = parsed(text);
  if (status === 200) {
    const answer = as.safeParse(body);
    if (answer.success) return answer.data;
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
