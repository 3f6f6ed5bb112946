/** Signatures and wire format against what BIND 9.18.49 took and answered (recorded), and against noise. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { signMessage, type TsigKey, type Verdict, verifyReply } from './tsig.ts';
import { CLASS, encodeName, encodeText, encodeUpdate, readName, readReply, TYPE } from './wire.ts';

const KEYS = {
  sha256: { name: 'portolan', algorithm: 'hmac-sha256', secret: Buffer.alloc(32, 7) },
  sha512: { name: 'five.key', algorithm: 'hmac-sha512', secret: Buffer.alloc(32, 7) },
} as const satisfies Record<string, TsigKey>;
const update = () =>
  encodeUpdate(4711, 'example.test', [
    {
      name: '_acme-challenge.gw.example.test',
      type: TYPE.txt,
      class: CLASS.in,
      ttl: 60,
      data: encodeText('value'),
    },
  ]);

interface Recorded {
  readonly key: TsigKey;
  /** ms since epoch at which the request was signed, and at which BIND answered. */
  readonly signed: number;
  readonly answered: number;
  readonly mac: string;
  readonly reply: string;
}
// table
const recorded: Readonly<Record<'taken' | 'taken, sha512' | 'late', Recorded>> = {
  taken: {
    key: KEYS.sha256,
    signed: 1_796_100_231_000,
    answered: 1_796_100_232_000,
    mac: '7acd6f512e88e4e64860dfafdf1edefe2c7a4429d8f979c45fd3b00a144d8060',
    reply:
      '1267a8000001000000000001076578616d706c650474657374000006000108706f72746f6c616e0000fa00ff00000000003d0b686d61632d7368613235360000006b0e5088012c00206155b8bfe9aa4c9f910a3b92547baa11abf9fc6a70a6cd6b394f817db2eb4050126700000000',
  },
  'taken, sha512': {
    key: KEYS.sha512,
    signed: 1_796_100_232_000,
    answered: 1_796_100_232_000,
    mac: '199f659c63f958bf6f52580d080eeee7b80b0a40fd1bacfd2334389f6bfefa3456c6db27cb4d38b53f4eed998645fed5aaf26ded20f9a8f1c2ad41e97ddd5a69',
    reply:
      '1267a8000001000000000001076578616d706c65047465737400000600010466697665036b65790000fa00ff00000000005d0b686d61632d7368613531320000006b0e5088012c00401c94c5a9f1fe7b0a703d68e535d18f9270ef1d54dd66c6898b439a4b1acf47009deb4b55a2244899c85551379716a26d7e65fea625304330b95e535401ce395a126700000000',
  },
  late: {
    key: KEYS.sha256,
    signed: 1_796_100_832_000,
    answered: 1_796_100_232_000,
    mac: '848d1625e799eb95bcee56563abdf86fba0bb35ac75207270596ae53ebada985',
    reply:
      '1267a8090001000000000001076578616d706c650474657374000006000108706f72746f6c616e0000fa00ff0000000000430b686d61632d7368613235360000006b0e52e0012c00203ae9682d84dcdcc60eb179a34b0267382c6c7b32c3bee5d0be571b6275ff57cb12670012000600006b0e5088',
  },
};
const verdictOf = (reply: Buffer, { key, mac, answered }: Recorded, changes: Partial<TsigKey> = {}): Verdict =>
  verifyReply(reply, readReply(reply), { ...key, ...changes }, Buffer.from(mac, 'hex'), answered);

describe('a signed update', () => {
  test.each(Object.entries(recorded))('is what BIND took, and its answer holds: %s', (what, one) => {
    expect(signMessage(update(), one.key, one.signed).mac.toString('hex')).toBe(one.mac);
    const reply = Buffer.from(one.reply, 'hex');
    expect(readReply(reply)).toMatchObject({ id: 4711, code: what === 'late' ? 9 : 0 });
    expect(verdictOf(reply, one)).toBe(what === 'late' ? 'BADTIME' : 'good');
  });

  test('an answer that was changed, replayed, kept back, or signed by another key does not hold', () => {
    const one = recorded.taken;
    const reply = Buffer.from(one.reply, 'hex');
    expect(verdictOf(reply, one, { secret: Buffer.alloc(32, 8) })).toBe('forged');
    expect(verdictOf(reply, one, { name: 'other' })).toBe('forged');
    expect(verdictOf(reply, { ...one, mac: recorded.late.mac })).toBe('forged');
    expect(verdictOf(reply, { ...one, answered: one.answered + 400_000 })).toBe('BADTIME');
    // one bit of what the signature covers: the code, the zone, its time; the error alone may not be covered
    for (const at of [3, 13, 70, 82]) {
      const changed = Buffer.from(reply);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect([at, verdictOf(changed, one)]).toEqual([at, 'forged']);
    }
    const bare = Buffer.from(reply.subarray(0, 30));
    bare.writeUInt16BE(0, 10);
    expect(verdictOf(bare, one)).toBe('unsigned');
  });
});

describe('the wire format', () => {
  const label = fc.stringMatching(/^[a-z0-9_-]{1,20}$/);
  test('names come back as they were written, in lower case', () => {
    fc.assert(
      fc.property(fc.array(label, { minLength: 1, maxLength: 8 }), (labels) => {
        const name = labels.join('.');
        expect(readName(encodeName(name.toUpperCase()), 0)).toEqual({ name, end: name.length + 2 });
      }),
    );
  });

  test.each(['', 'a..b', 'é.test', `${'a'.repeat(64)}.test`, Array.from({ length: 60 }, () => 'abcde').join('.')])(
    'what is no name is refused: %s',
    (name) => expect(() => encodeName(name)).toThrow(/^DNS: /),
  );

  test('noise, and replies that are cut off or point in circles, are RangeErrors and nothing else', () => {
    const reply = Buffer.from(recorded.taken.reply, 'hex');
    const tried = (bytes: Buffer): void => {
      try {
        verdictOf(bytes, recorded.taken);
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
      }
    };
    for (let end = 0; end < reply.length; end += 1) tried(reply.subarray(0, end));
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => tried(Buffer.from(bytes))));
    fc.assert(
      fc.property(fc.nat(reply.length - 1), fc.nat(255), (at, byte) => {
        const changed = Buffer.from(reply);
        changed[at] = byte;
        tried(changed);
      }),
    );
    const circle = Buffer.concat([Buffer.alloc(12), Buffer.of(0xc0, 12, 0, 1, 0, 1)]);
    circle.writeUInt16BE(1, 4);
    expect(() => readReply(circle)).toThrow(RangeError);
  });
});
