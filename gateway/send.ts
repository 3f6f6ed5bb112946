/** Writes a reply to the socket: short ones in one write, long ones as fast as the caller reads. Decides nothing. */
import type { ServerResponse } from 'node:http';
import type { Reply } from './context.ts';

/** Longer bodies are not worth copying. */
const ONE_WRITE_BYTES = 8_192;

/** Nothing to wait for where the reply is whole. */
export function send(response: ServerResponse, reply: Reply): Promise<void> | undefined {
  const { body, headers, status } = reply;
  if (body !== undefined && !Buffer.isBuffer(body)) return stream(response, reply, body);
  if (status !== 204) headers.push('content-length', String(body?.length ?? 0));
  response.writeHead(status, headers);
  // node joins head and body into one write only where both are text; latin1 gives every byte back as it was
  if (body !== undefined && body.length <= ONE_WRITE_BYTES) response.end(body.toString('latin1'), 'latin1');
  else response.end(body);
  return undefined;
}

async function stream(
  response: ServerResponse,
  { headers, status }: Reply,
  body: AsyncIterable<Buffer>,
): Promise<void> {
  response.writeHead(status, headers);
  // the caller must see that the stream is open before anything happens on it
  response.flushHeaders();
  for await (const chunk of body) {
    // a stream of its own: its caller may have left between two chunks, and then no event will tell any more
    if (response.destroyed) break;
    if (!response.write(chunk) && !response.destroyed) await writable(response);
  }
  response.end();
}

/** Resolves when more can be written, or nothing ever will. */
function writable(response: ServerResponse): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const done = (): void => {
    response.off('drain', done).off('close', done);
    resolve();
  };
  response.once('drain', done).once('close', done);
  return promise;
}
