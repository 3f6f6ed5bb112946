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

/** What has been read, then the rest. No generator: one that is left before it has begun would not leave what it reads from. */
export const goingOn = (
  read: readonly Buffer[],
  ended: boolean,
  source: AsyncIterator<Buffer>,
): AsyncIterable<Buffer> => {
  const again = read.filter((chunk) => chunk.length > 0).values();
  return {
    [Symbol.asyncIterator]: () => ({
      async next() {
        const step = again.next();
        return step.done ? (ended ? { done: true, value: undefined } : source.next()) : step;
      },
      return: async () => source.return?.() ?? { done: true, value: undefined },
    }),
  };
};
