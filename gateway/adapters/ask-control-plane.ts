/**
 * The two ways to the control plane over HTTPS: at its public name (enrolment), and at its mesh name over mutual TLS (renewal, snapshot).
 * One request, one connection, no resumption: a certificate that has expired or been replaced can never be carried over.
 * Invariant: nothing is sent before the other side has proved who it is.
 */
import { readFile } from 'node:fs/promises';
import { type RequestOptions, request } from 'node:https';
import { CONTROL, controlSpiffeId, meshName } from '@portolan/core';
import type { MeshCredentials } from '../ports.ts';
import { checkSpiffeId } from './identity/certificate.ts';

/** The control plane may wait for its publisher before it answers an enrolment, and the secret is spent by then. */
const TIMEOUT_MS = 30_000;
const MAX_ANSWER_BYTES = 64 * 2 ** 20;

export interface Ask {
  readonly method: 'GET' | 'POST';
  /** With its query. */
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly signal: AbortSignal;
}
export interface ControlPlaneAnswer {
  readonly status: number;
  readonly text: string;
}

export interface ControlPlaneAddress {
  /** Public origin; host and port of it are dialled for the mesh name too. */
  readonly url: string;
  /** PEM of the authorities of its public certificate; absent = those of the system. */
  readonly caFile?: string | undefined;
}

/** Asks at the public name. Throws what the connection, TLS or the signal threw; any status is an answer. */
export async function askPublicly(to: ControlPlaneAddress, ask: Ask): Promise<ControlPlaneAnswer> {
  // read for each request: the file may appear, or be replaced, while we wait for the control plane
  const ca = to.caFile === undefined ? {} : { ca: await readFile(to.caFile) };
  return send(new URL(ask.path, to.url), ca, ask);
}

/** Asks at the mesh name `control`, with our certificate, accepting the control plane's SPIFFE ID alone. Throws like `askPublicly`. */
export function askInMesh(to: ControlPlaneAddress, self: MeshCredentials, ask: Ask): Promise<ControlPlaneAnswer> {
  const name = meshName(CONTROL, self.federation);
  const tls: RequestOptions = {
    key: self.key,
    cert: self.chain,
    ca: [...self.ca],
    servername: name,
    minVersion: 'TLSv1.3',
    headers: { host: name },
    checkServerIdentity: (_name, certificate) => spiffeError(certificate.raw, controlSpiffeId(self.federation)),
  };
  return send(new URL(ask.path, to.url), tls, ask);
}

function spiffeError(der: Buffer, expected: string): Error | undefined {
  try {
    checkSpiffeId(der, expected);
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

function send(url: URL, tls: RequestOptions, ask: Ask): Promise<ControlPlaneAnswer> {
  const body = ask.body === undefined ? undefined : JSON.stringify(ask.body);
  const framing =
    body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  const options: RequestOptions = {
    ...tls,
    agent: false,
    method: ask.method,
    headers: { ...tls.headers, ...framing },
    signal: AbortSignal.any([ask.signal, AbortSignal.timeout(TIMEOUT_MS)]),
  };
  return new Promise((resolve, reject) => {
    const sent = request(url, options, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        size += chunk.length;
        if (size > MAX_ANSWER_BYTES) sent.destroy(new Error('the answer of the control plane is too long'));
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }));
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(body);
  });
}
