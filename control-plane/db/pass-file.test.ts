/** PGPASSFILE as libpq reads it. */
import { expect, test } from 'vitest';
import { findPassword } from './pass-file.ts';

const wanted = ['127.0.0.1', '5432', 'portolan', 'alice'];

test.each([
  ['exact', '127.0.0.1:5432:portolan:alice:secret', 'secret'],
  ['wildcards', '*:*:*:*:secret', 'secret'],
  ['first line wins', '*:*:*:alice:one\n*:*:*:*:two', 'one'],
  ['comments and other lines', '# *:*:*:*:no\nother:*:*:*:no\n*:*:*:alice:yes\n', 'yes'],
  ['escaped colon and backslash', String.raw`*:*:*:alice:a\:b\\`, 'a:b\\'],
  ['escaped backslash before the separator', `${String.raw`*:*:*:al\\:no`}\n*:*:*:*:yes`, 'yes'],
  ['no line', 'other:5432:portolan:alice:secret', undefined],
  ['too few fields', '*:*:*:secret', undefined],
])('%s', (_, text, password) => expect(findPassword(text, wanted)).toBe(password));
