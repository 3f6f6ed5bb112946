/**
 * HTTPS to the ACME server: no redirects, bounded in time and size, and TLS by the system's authorities or by those of `caFile`.
 * Invariant: no URL but https is ever asked, whatever a directory or an order names (RFC 8555 §6.1).
 */
import { readFile } from 'node:fs/promises';
import { Agent, request } from 'undici';
import { VERSION } from '../version.ts';

const TIMEOUT_MS = 20_000;
/** A chain of certificates is a few KB. */
const MAX_ANSWER_BYTES = 256 * 1024;

export interface AcmeReply {
  readonly status: number;
  readonly text: string;
  /** Names in lower case; of a repeated header its first. */
  header(name: string): string | undefined;
}

export interface AcmeHttp {
  /** `body`: a JWS, sent as `application/jose+json`. Rejects where no whole answer came in time. */
  send(method: 'GET' | 'HEAD' | 'POST', url: string, body?: string): Promise<AcmeReply>;
  close(): Promise<void>;
}

/** `signal` ends every request. Throws where `caFile` cannot be read. */
export async function openAcmeHttp(caFile: string | undefined, signal: AbortSignal): Promise<AcmeHttp> {
  const ca = caFile === undefined ? undefined : await readAuthorities(caFile);
  const agent = new Agent({ connect: { timeout: TIMEOUT_MS, ...(ca === undefined ? {} : { ca }) } });
  return {
    close: () => agent.destroy(),
    send: async (method, url, body) => {
      if (URL.parse(url)?.protocol !== 'https:')
        throw new Error(`ACME: expected an https URL, the server named ${url}`);
      const answer = await request(url, {
        dispatcher: agent,
        method,
        signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
        headers: {
          'user-agent': `portolan/${VERSION}`,
          ...(body === undefined ? {} : { 'content-type': 'application/jose+json' }),
        },
        ...(body === undefined ? {} : { body }),
      });
      const text = await bounded(answer.body, url);
      return {
        status: answer.statusCode,
        text,
        header: (name) => [answer.headers[name] ?? []].flat()[0],
      };
    },
  };
}

async function readAuthorities(caFile: string): Promise<string> {
  return readFile(caFile, 'utf8').catch((cause: unknown) => {
    throw new Error(`certificates.caFile: ${caFile} cannot be read: expected the PEM bundle of the ACME server's CA.`, {
      cause,
    });
  });
}

async function bounded(body: AsyncIterable<Uint8Array>, url: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) throw new Error(`ACME: the answer of ${url} is longer than ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
