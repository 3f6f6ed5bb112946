/** The log masks what looks like a secret, wherever it stands. */
import { makeToken, tokenText } from '@portolan/core';
import { expect, test } from 'vitest';
import { makeLog } from './log.ts';

const said = (write: (log: ReturnType<typeof makeLog>) => void): string => {
  const lines: string[] = [];
  write(makeLog({ write: (line) => lines.push(line) }));
  return lines.join('');
};

test('tokens, bearer headers and private keys are masked in messages, fields and errors', () => {
  const token = tokenText(makeToken('pat'));
  const pem = '-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQ\n-----END PRIVATE KEY-----';
  const text = said((log) => {
    log.info(`with ${token} inside`);
    log.info({ deep: { header: `Bearer abc.def.ghi` }, key: pem }, 'fields');
    log.error({ err: new Error(`refused ${token}`, { cause: new Error(pem) }) }, 'error');
  });
  for (const secret of [token, token.slice(15, 50), 'abc.def.ghi', 'MC4CAQAwBQ']) expect(text).not.toContain(secret);
  expect(
    text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).msg),
  ).toEqual(['with *** inside', 'fields', 'error']);
});

test('what is no secret stays', () => {
  expect(said((log) => log.info({ token: 'abcdefghij' }, 'change'))).toContain('abcdefghij');
});
