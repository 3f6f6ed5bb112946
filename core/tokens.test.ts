import { expect, test } from 'vitest';
import { hopKey, hopProof, makeToken, parseToken, proofDigest, sameDigest, secretDigest, tokenText } from './tokens.ts';

test('a token that was made is read again', () => {
  for (const kind of ['pat', 'vat', 'enr'] as const) {
    const token = makeToken(kind);
    expect(tokenText(token)).toMatch(new RegExp(`^ptl_${kind}_[0-9A-Za-z]{10}_[0-9A-Za-z]{49}$`));
    expect(parseToken(tokenText(token))).toEqual(token);
  }
});

test('a token with one character changed is none', () => {
  const text = tokenText(makeToken('pat'));
  for (let i = 0; i < text.length; i += 1) {
    const other = text[i] === 'x' ? 'y' : 'x';
    expect(parseToken(text.slice(0, i) + other + text.slice(i + 1)), `at ${i}`).toBeUndefined();
  }
});

test.each([
  '',
  'ptl_pat_',
  `${tokenText(makeToken('pat'))} `,
  ` ${tokenText(makeToken('pat'))}`,
  `${tokenText(makeToken('pat'))}\n`,
])('%j is no token', (text) => {
  expect(parseToken(text)).toBeUndefined();
});

test('the text form is fixed: tokens that are out there stay valid', () => {
  const token = { kind: 'pat', id: '0123456789', secret: 'A'.repeat(43) } as const;
  expect(tokenText(token).slice(-6)).toBe('4J8IdT');
});

test('a proof holds at one gateway alone, and tells neither key nor secret', () => {
  const { secret } = makeToken('pat');
  const key = hopKey(secret);
  const azure = hopProof(key, 'azure');
  expect(sameDigest(proofDigest(azure), proofDigest(hopProof(hopKey(secret), 'azure')))).toBe(true);
  expect(sameDigest(proofDigest(azure), proofDigest(hopProof(key, 'gcp')))).toBe(false);
  expect(azure.equals(key)).toBe(false);
  expect(key.equals(secretDigest(secret))).toBe(false);
});

test('digests of other lengths are not the same, and no error', () => {
  expect(sameDigest(Buffer.alloc(32), Buffer.alloc(31))).toBe(false);
  expect(sameDigest(Buffer.alloc(32), Buffer.alloc(32))).toBe(true);
});
