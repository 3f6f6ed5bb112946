/**
 * Transaction signatures (RFC 8945): a shared key proves who sent an update, and that the answer is the server's and to this very request.
 * Pure but for the key it is given.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { CLASS, encodeName, type Reply, readName, TYPE, type WireRecord, withRecord } from './wire.ts';

export const TSIG_ALGORITHMS = ['hmac-sha256', 'hmac-sha512'] as const;
export type TsigAlgorithm = (typeof TSIG_ALGORITHMS)[number];

/** How far the two clocks may differ, s (§10). */
const FUDGE_S = 300;

export interface TsigKey {
  readonly name: string;
  readonly algorithm: TsigAlgorithm;
  readonly secret: Buffer;
}

export interface Signed {
  readonly message: Buffer;
  /** The answer's signature covers it. */
  readonly mac: Buffer;
}

interface Stamp {
  /** s since epoch. */
  readonly time: number;
  readonly fudge: number;
  readonly error: number;
  readonly other: Buffer;
}

/** `now`: ms since epoch. */
export function signMessage(message: Buffer, key: TsigKey, now: number): Signed {
  const stamp: Stamp = { time: Math.floor(now / 1_000), fudge: FUDGE_S, error: 0, other: Buffer.alloc(0) };
  const mac = macOf(key, [message, variables(key, stamp)]);
  const data = Buffer.concat([
    encodeName(key.algorithm),
    uint48(stamp.time),
    uint16(stamp.fudge),
    uint16(mac.length),
    mac,
    uint16(message.readUInt16BE(0)),
    uint16(stamp.error),
    uint16(stamp.other.length),
    stamp.other,
  ]);
  return { message: withRecord(message, { name: key.name, type: TYPE.tsig, class: CLASS.any, ttl: 0, data }), mac };
}

/** What the server's signature says: `good`, or TSIG's error (§3), or that there is none that holds. */
export type Verdict = 'good' | 'unsigned' | 'forged' | 'BADSIG' | 'BADKEY' | 'BADTIME';

const ERRORS: Readonly<Record<number, Verdict>> = { 16: 'BADSIG', 17: 'BADKEY', 18: 'BADTIME' };

/** `requestMac`: of the request that it answers. `now`: ms since epoch. */
export function verifyReply(message: Buffer, { last }: Reply, key: TsigKey, requestMac: Buffer, now: number): Verdict {
  if (last?.record.type !== TYPE.tsig) return 'unsigned';
  const { mac, originalId, ...stamp } = readTsig(last.record);
  // with an unknown key or a wrong signature a server cannot sign what it says (§5.3.2)
  const said = ERRORS[stamp.error];
  if (said === 'BADSIG' || said === 'BADKEY') return said;
  const bare = Buffer.from(message.subarray(0, last.at));
  bare.writeUInt16BE(originalId, 0);
  bare.writeUInt16BE(bare.readUInt16BE(10) - 1, 10);
  const expected = macOf(key, [uint16(requestMac.length), requestMac, bare, variables(key, stamp)]);
  if (last.record.name !== key.name.toLowerCase() || !isEqual(mac, expected)) return 'forged';
  if (said !== undefined) return said;
  return Math.abs(now / 1_000 - stamp.time) > stamp.fudge ? 'BADTIME' : 'good';
}

const macOf = ({ algorithm, secret }: TsigKey, parts: readonly Buffer[]): Buffer => {
  const hmac = createHmac(algorithm === 'hmac-sha512' ? 'sha512' : 'sha256', secret);
  for (const part of parts) hmac.update(part);
  return hmac.digest();
};

const isEqual = (a: Buffer, b: Buffer): boolean => a.length === b.length && timingSafeEqual(a, b);

/** §4.3.3 */
const variables = ({ name, algorithm }: TsigKey, { time, fudge, error, other }: Stamp): Buffer =>
  Buffer.concat([
    encodeName(name),
    uint16(CLASS.any),
    Buffer.alloc(4),
    encodeName(algorithm),
    uint48(time),
    uint16(fudge),
    uint16(error),
    uint16(other.length),
    other,
  ]);

function readTsig({ data }: Pick<WireRecord, 'data'>): Stamp & { readonly mac: Buffer; readonly originalId: number } {
  const bytes = Buffer.from(data);
  const { end } = readName(bytes, 0);
  const macEnd = end + 10 + bytes.readUInt16BE(end + 8);
  return {
    time: bytes.readUIntBE(end, 6),
    fudge: bytes.readUInt16BE(end + 6),
    mac: bytes.subarray(end + 10, macEnd),
    originalId: bytes.readUInt16BE(macEnd),
    error: bytes.readUInt16BE(macEnd + 2),
    other: bytes.subarray(macEnd + 6, macEnd + 6 + bytes.readUInt16BE(macEnd + 4)),
  };
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

function uint48(value: number): Buffer {
  const bytes = Buffer.alloc(6);
  bytes.writeUIntBE(value, 0, 6);
  return bytes;
}
