/** Groups what is there at once: yields at least one item, at most `max`, and never waits for more while it holds one. */
export async function* batches<T>(source: AsyncIterable<T>, max: number): AsyncGenerator<T[]> {
  const iterator = source[Symbol.asyncIterator]();
  let next = iterator.next();
  for (;;) {
    const first = await next;
    if (first.done) return;
    const batch = [first.value];
    next = iterator.next();
    while (batch.length < max) {
      const more = await Promise.race([next, nothingThere()]);
      if (more === undefined || more.done) break;
      batch.push(more.value);
      next = iterator.next();
    }
    yield batch;
  }
}

const nothingThere = (): Promise<undefined> => new Promise((resolve) => setImmediate(resolve, undefined));
