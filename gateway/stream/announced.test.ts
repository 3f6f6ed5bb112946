import { expect, test } from 'vitest';
import { Announcements, announced } from './announced.ts';

const text = (step: IteratorResult<Buffer>): string | undefined => (step.done ? undefined : step.value.toString());
const TOOLS = 'data: {"jsonrpc":"2.0","method":"notifications/tools/list_changed"}\n\n';
const all = () => 7 as const;
const PROMPTS = TOOLS.replace('tools', 'prompts');

/** A source that gives what it is told to, and says when it is left. */
function source() {
  const asked: PromiseWithResolvers<IteratorResult<Buffer>>[] = [];
  const state = { left: false, asked };
  const chunks: AsyncIterableIterator<Buffer> = {
    next: () => {
      const step = Promise.withResolvers<IteratorResult<Buffer>>();
      asked.push(step);
      return step.promise;
    },
    return: async () => {
      state.left = true;
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]: () => chunks,
  };
  const give = (value: string): void => asked.at(-1)?.resolve({ done: false, value: Buffer.from(value) });
  return { chunks, give, state };
}

test('between events, and while nothing comes; of one kind one, until it is read', async () => {
  const { chunks, give, state } = source();
  const announcements = new Announcements(all, undefined);
  const stream = announced(chunks, announcements);
  const first = stream.next();
  announcements.add(1);
  expect(text(await first)).toBe(TOOLS);
  const second = stream.next();
  give('one');
  expect(text(await second)).toBe('one');
  expect(state.asked).toHaveLength(1); // nothing is read ahead
  for (let i = 0; i < 1_000; i += 1) announcements.add(1 + (i % 3));
  expect([text(await stream.next()), text(await stream.next())]).toEqual([TOOLS, PROMPTS]);
  const last = stream.next();
  await new Promise(setImmediate); // it asks for the next chunk
  state.asked.at(-1)?.resolve({ done: true, value: undefined });
  expect(text(await last)).toBeUndefined();
});

test('whoever leaves between two events leaves the source', async () => {
  const { chunks, state } = source();
  const announcements = new Announcements(all, '7');
  const stream = announced(chunks, announcements);
  announcements.add(4);
  expect(text(await stream.next())).toContain('"io.modelcontextprotocol/subscriptionId":7');
  await stream.return();
  expect(state.left).toBe(true);
});

test('a source that breaks off while an announcement is read breaks the stream off, and nothing else', async () => {
  const { chunks, state } = source();
  const announcements = new Announcements(all, undefined);
  const stream = announced(chunks, announcements);
  announcements.add(3);
  expect(text(await stream.next())).toBe(TOOLS);
  state.asked[0]?.reject(new Error('broken'));
  await new Promise(setImmediate); // an unhandled rejection would fail this run
  expect(text(await stream.next())).toBe(PROMPTS);
  await expect(stream.next()).rejects.toThrow('broken');
});

test('what changes before anything is promised waits, and comes behind what promised it', async () => {
  const { chunks, give } = source();
  let promised: 0 | 1 = 0;
  const announcements = new Announcements(() => promised, undefined);
  const stream = announced(chunks, announcements, (events) => {
    if (String(events) === 'acknowledged') promised = 1;
  });
  const first = stream.next();
  announcements.add(3);
  await new Promise(setImmediate);
  give('acknowledged');
  expect(text(await first)).toBe('acknowledged');
  expect(text(await stream.next())).toBe(TOOLS);
});
