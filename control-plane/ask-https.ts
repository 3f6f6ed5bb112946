/** One HTTPS request of this process to a server that it knows by authorities of its own, with a bound on time and length. */
import { request } from 'node:https';

const TIMEOUT_MS = 10_000;
const MAX_ANSWER = 4_194_304;

export interface Asking {
  readonly url: URL;
  /** PEM: authorities of the server's certificate. Absent: those of the system. */
  readonly ca?: string | undefined;
  /** Name that the certificate must carry. Default: the host of `url`. */
  readonly tlsName?: string | undefined;
  readonly method: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
}

export interface Reply {
  readonly status: number;
  readonly text: string;
}

/** Rejects where there is no whole answer. Redirects are not followed. */
export function askHttps({ url, ca, tlsName, method, headers, body }: Asking): Promise<Reply> {
  const { promise, resolve, reject } = Promise.withResolvers<Reply>();
  const sent = request(url, {
    method,
    headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    agent: false, // no connection stays, no session is resumed
    timeout: TIMEOUT_MS,
    ...(ca === undefined ? {} : { ca }),
    ...(tlsName === undefined ? {} : { servername: tlsName }),
  });
  sent.on('timeout', () => sent.destroy(new Error(`no answer within ${TIMEOUT_MS / 1_000} s`)));
  sent.on('error', reject);
  sent.on('response', (answer) => {
    const chunks: Buffer[] = [];
    let length = 0;
    answer.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > MAX_ANSWER) sent.destroy(new Error('the answer is too long'));
      else chunks.push(chunk);
    });
    answer.on('error', reject);
    answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString() }));
  });
  sent.end(body === undefined ? undefined : JSON.stringify(body));
  return promise;
}
