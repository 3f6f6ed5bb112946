import { expect, test } from 'vitest';
import { z } from 'zod';
import { explain } from './explain.ts';

const schema = z.strictObject({
  url: z.url(),
  list: z.array(z.strictObject({ port: z.int().max(9) })).min(1),
  kind: z.enum(['a', 'b']),
  name: z.string().regex(/^x/, 'expected an x first'),
});
const sentences = (value: unknown): string[] =>
  (schema.safeParse(value).error?.issues ?? []).map((issue) => explain('Thing(one)', issue, value));

test('where, what was expected, what was given', () => {
  expect(sentences({ url: 'nowhere', list: [{ port: 10 }], kind: 'c', name: 'y', more: 1 })).toEqual([
    'Thing(one).url: expected a URL such as https://host.example; got "nowhere".',
    'Thing(one).list[0].port: expected at most 9; got 10.',
    'Thing(one).kind: expected "a" or "b"; got "c".',
    'Thing(one).name: expected an x first; got "y".',
    'Thing(one): there is no "more" here; remove it.',
  ]);
  expect(sentences({ list: [], kind: 'a', name: 'x', url: 'https://x.example' })).toEqual([
    'Thing(one).list: expected at least 1 items.',
  ]);
  expect(sentences({ list: [{ port: 1 }], kind: 'a', name: 'x' })).toEqual([
    'Thing(one).url: expected string; got nothing.',
  ]);
});

test('a password is not repeated', () => {
  const name = 'postgres://u:hunter2@h/d?password=hunter2&x=y';
  const [said = ''] = sentences({ url: 'https://x.example', list: [{ port: 1 }], kind: 'a', name });
  expect(said).toContain('***');
  expect(said).not.toContain('hunter2');
});
