import { expect, test } from 'vitest';
import { type ChunkFilter, stepThrough } from './step-through.ts';

const bytes = (text: string): Buffer => Buffer.from(text);
const doubled: ChunkFilter = { take: (chunk) => [chunk, chunk], end: () => [bytes('.')] };

async function* source(log: string[]): AsyncGenerator<Buffer, void> {
  try {
    for (const text of ['a', 'b', 'c']) {
      log.push(text);
      yield bytes(text);
    }
  } finally {
    log.push('over');
  }
}

test('what comes out of a chunk goes on before the next is asked for', async () => {
  const log: string[] = [];
  for await (const chunk of stepThrough(source(log), doubled)) log.push(`>${chunk}`);
  expect(log.join(' ')).toBe('a >a >a b >b >b c >c >c over >.');
});

test('whoever stops reading stops the source', async () => {
  const log: string[] = [];
  for await (const _ of stepThrough(source(log), doubled)) break;
  expect(log).toEqual(['a', 'over']);
});

test('a filter that throws ends both', async () => {
  const log: string[] = [];
  const cut: ChunkFilter = {
    take: () => {
      throw new Error('cut');
    },
    end: () => [],
  };
  await expect(stepThrough(source(log), cut).next()).rejects.toThrow('cut');
  expect(log).toEqual(['a', 'over']);
});
