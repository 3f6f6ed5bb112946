/**
 * Buffers one whole body under a cap. Leaves the stream alone when it gives up: the server may still have to answer on the same socket.
 * Invariant: never holds more than `maxBytes` and the chunk that went over it.
 */
import type { Readable } from 'node:stream';

export interface CollectOptions {
  readonly maxBytes: number;
  readonly signal?: AbortSignal | undefined;
  /** Makes the error for a body over the cap; the caller knows whose body it is. */
  readonly tooLarge: () => Error;
}

/**
 * The bytes of `source`. Rejects with `tooLarge()` over the cap (the stream is paused then, not destroyed), with the signal's reason when
 * aborted, with the stream's own error, or with an error when it closed before its end.
 */
export function collect(source: Readable, options: CollectOptions): Promise<Buffer> {
  const { maxBytes, signal, tooLarge } = options;
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const chunks: Buffer[] = [];
  let size = 0;
  const onData = (chunk: Buffer): void => {
    size += chunk.length;
    if (size > maxBytes) stop(tooLarge());
    else chunks.push(chunk);
  };
  const onEnd = (): void => {
    release();
    const [only] = chunks;
    resolve(chunks.length === 1 && only ? only : Buffer.concat(chunks, size));
  };
  const stop = (error: unknown): void => {
    release();
    source.pause();
    reject(error);
  };
  const onClose = (): void => stop(source.errored ?? new Error('the body broke off before its end'));
  const onAbort = (): void => stop(signal?.reason);
  const release = (): void => {
    source.off('data', onData).off('end', onEnd).off('error', stop).off('close', onClose);
    signal?.removeEventListener('abort', onAbort);
  };
  if (signal?.aborted) reject(signal.reason);
  else if (source.readableEnded || source.destroyed)
    reject(source.errored ?? new Error('the body was over before it was read'));
  else {
    signal?.addEventListener('abort', onAbort, { once: true });
    source.on('data', onData).on('end', onEnd).on('error', stop).on('close', onClose);
  }
  return promise;
}
