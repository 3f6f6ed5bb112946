/**
 * The DNS wire format, as much of it as a signed dynamic update needs (RFC 1035 §4, RFC 2136 §2): names, records, and where a reply's last record begins.
 * Questions are asked by Node's own resolver; this is for what it does not do.
 */

export const TYPE = { soa: 6, txt: 16, tsig: 250 } as const;
export const CLASS = { in: 1, none: 254, any: 255 } as const;
const UPDATE = 5 << 11;
const MAX_LABEL = 63;
const MAX_NAME = 255;
const HEADER = 12;

export interface WireRecord {
  readonly name: string;
  readonly type: number;
  readonly class: number;
  readonly ttl: number;
  readonly data: Uint8Array;
}

/** A name in lower case, uncompressed (RFC 4034 §6.2). Throws for one that DNS cannot hold. */
export function encodeName(name: string): Buffer {
  const labels = name.toLowerCase().replace(/\.$/, '').split('.');
  const parts = labels.map((label) => {
    const bytes = Buffer.from(label, 'ascii');
    if (bytes.length === 0 || bytes.length > MAX_LABEL || bytes.toString('ascii') !== label)
      throw new Error(`DNS: ${name} is no name: expected labels of 1 to ${MAX_LABEL} ASCII characters`);
    return Buffer.concat([Buffer.of(bytes.length), bytes]);
  });
  const whole = Buffer.concat([...parts, Buffer.of(0)]);
  if (whole.length > MAX_NAME) throw new Error(`DNS: ${name} is longer than ${MAX_NAME} bytes`);
  return whole;
}

export function encodeRecord({ name, type, class: of, ttl, data }: WireRecord): Buffer {
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(type, 0);
  fixed.writeUInt16BE(of, 2);
  fixed.writeUInt32BE(ttl, 4);
  fixed.writeUInt16BE(data.length, 8);
  return Buffer.concat([encodeName(name), fixed, data]);
}

/** The data of a TXT record that holds one text of at most 255 ASCII characters. */
export function encodeText(text: string): Buffer {
  const bytes = Buffer.from(text, 'ascii');
  if (bytes.length > 255) throw new Error('DNS: a text of more than 255 characters');
  return Buffer.concat([Buffer.of(bytes.length), bytes]);
}

/** An update of one zone (RFC 2136 §2), without prerequisites and unsigned. */
export function encodeUpdate(id: number, zone: string, updates: readonly WireRecord[]): Buffer {
  const header = Buffer.alloc(HEADER);
  header.writeUInt16BE(id, 0);
  header.writeUInt16BE(UPDATE, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(updates.length, 8);
  const asked = Buffer.alloc(4);
  asked.writeUInt16BE(TYPE.soa, 0);
  asked.writeUInt16BE(CLASS.in, 2);
  return Buffer.concat([header, encodeName(zone), asked, ...updates.map(encodeRecord)]);
}

/** A further record at the end of the additional section. */
export function withRecord(message: Buffer, record: WireRecord): Buffer {
  const whole = Buffer.concat([message, encodeRecord(record)]);
  whole.writeUInt16BE(message.readUInt16BE(10) + 1, 10);
  return whole;
}

export interface Reply {
  readonly id: number;
  readonly code: number;
  /** The last record of the additional section, and where it begins; undefined where there is none. */
  readonly last: { readonly at: number; readonly record: Omit<WireRecord, 'ttl'> } | undefined;
}

/** Reads a reply. Throws RangeError where it is cut off or points in circles. */
export function readReply(message: Buffer): Reply {
  const [questions, records] = [message.readUInt16BE(4), [6, 8, 10].map((at) => message.readUInt16BE(at))];
  let at = HEADER;
  for (let i = 0; i < questions; i += 1) at = readName(message, at).end + 4;
  let last: Reply['last'];
  const total = records.reduce((a, b) => a + b, 0);
  for (let i = 0; i < total; i += 1) {
    const begin = at;
    const { name, end } = readName(message, at);
    const length = message.readUInt16BE(end + 8);
    at = end + 10 + length;
    if (at > message.length) throw new RangeError('DNS: a record is cut off');
    const record = {
      name,
      type: message.readUInt16BE(end),
      class: message.readUInt16BE(end + 2),
      data: message.subarray(end + 10, at),
    };
    last = { at: begin, record };
  }
  const additional = (records[2] ?? 0) > 0;
  return { id: message.readUInt16BE(0), code: message.readUInt16BE(2) & 0xf, last: additional ? last : undefined };
}

/** `end`: behind the name where it stands. Pointers may only lead back (RFC 1035 §4.1.4). */
export function readName(message: Buffer, start: number): { readonly name: string; readonly end: number } {
  const labels: string[] = [];
  let at = start;
  let end: number | undefined;
  for (let limit = start; ; ) {
    const length = message.readUInt8(at);
    if (length === 0) return { name: labels.join('.'), end: end ?? at + 1 };
    if ((length & 0xc0) === 0xc0) {
      const to = message.readUInt16BE(at) & 0x3fff;
      if (to >= limit) throw new RangeError('DNS: a name points forward');
      end ??= at + 2;
      limit = to;
      at = to;
    } else {
      if (at + 1 + length > message.length) throw new RangeError('DNS: a name is cut off');
      labels.push(message.toString('latin1', at + 1, at + 1 + length).toLowerCase());
      at += 1 + length;
    }
  }
}
