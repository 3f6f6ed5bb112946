/**
 * Pulls a body through a Transform without a stream around it: the transforms of this folder work synchronously, and node's stream machinery
 * would cost more than they do. Invariant: whoever stops reading stops the source.
 */
import type { Transform } from 'node:stream';

export async function* stepThrough(source: AsyncIterable<Buffer>, transform: Transform): AsyncGenerator<Buffer, void> {
  const out: Buffer[] = [];
  let failure: Error | null | undefined;
  transform.push = (chunk) => chunk === null || out.push(chunk) > 0;
  const done = (error?: Error | null, chunk?: Buffer): void => {
    failure = error;
    if (chunk) out.push(chunk);
  };
  for await (const chunk of source) {
    transform._transform(chunk, 'latin1', done);
    yield* out.splice(0);
    if (failure) throw failure;
  }
  transform._flush(done);
  yield* out;
  if (failure) throw failure;
}
