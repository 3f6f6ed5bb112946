/** Reads a body until it ends or outgrows a bound; what it read is not lost, the rest can still be streamed. */
import { HeldBytes } from './held-bytes.ts';

export interface Gathered {
  readonly bytes: Buffer;
  readonly ended: boolean;
  readonly rest: AsyncIterator<Buffer>;
}

export async function gather(body: AsyncIterable<Buffer>, maxBytes: number): Promise<Gathered> {
  const rest = body[Symbol.asyncIterator]();
  const held = new HeldBytes();
  let ended = false;
  while (!ended && held.size <= maxBytes) {
    const step = await rest.next();
    if (step.done) ended = true;
    else held.add(step.value);
  }
  return { bytes: held.take(), ended, rest };
}

/** What was gathered, then the rest; ending the iteration ends the source. */
export async function* regathered(gathered: Gathered): AsyncGenerator<Buffer, void> {
  try {
    yield gathered.bytes;
    for (let step = await gathered.rest.next(); !step.done; step = await gathered.rest.next()) yield step.value;
  } finally {
    await gathered.rest.return?.();
  }
}
