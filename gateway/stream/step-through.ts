/**
 * Pulls a body through a filter of this folder. Filters are synchronous and plain: Node's stream machinery would cost more than they do.
 * Back-pressure is the pull itself. Invariant: whoever stops reading stops the source; what comes out of one chunk goes on before the next
 * is asked for.
 */

/** Takes a body chunk by chunk and answers what may go on. Throws where nothing more may. */
export interface ChunkFilter {
  take(chunk: Buffer): readonly Buffer[];
  /** The body is over: what was still held. */
  end(): readonly Buffer[];
}

export async function* stepThrough(source: AsyncIterable<Buffer>, filter: ChunkFilter): AsyncGenerator<Buffer, void> {
  for await (const chunk of source) yield* filter.take(chunk);
  yield* filter.end();
}
