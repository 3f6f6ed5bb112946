import { makeToken, tokenText } from '@portolan/core';
import { expect, test } from 'vitest';
import { makeLog } from './log.ts';

test('a log line is JSON without anything of the shape of a credential, wherever it stood', () => {
  const lines: string[] = [];
  const log = makeLog('info', { gateway: 'aws' }, { write: (line) => void lines.push(line) });
  const token = tokenText(makeToken('pat'));
  const jwt = `eyJhbGciOiJFZERTQSJ9.${Buffer.from('{"sub":"x"}').toString('base64url')}.c2lnbmF0dXJl`;
  const seed = `SU${'A'.repeat(56)}`;
  const key = '-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----';
  log.warn(
    { token, nested: { authorization: `Bearer ${token}` }, err: new Error(`bad ${jwt}`) },
    `with ${token} and ${seed} and ${key}`,
  );
  log.info({ header: 'Bearer Bearer something-opaque' }, 'x');
  const text = lines.join('');
  for (const secret of [token, token.slice(-30), jwt, seed, 'MIGH', 'something-opaque'])
    expect(text).not.toContain(secret);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ gateway: 'aws', level: 40 });
});
