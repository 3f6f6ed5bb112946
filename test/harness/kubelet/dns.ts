/** The cluster's resolver: A records of Services, of pods behind headless ones, and of names that the test gives. RFC 1035, UDP, one question. */
import { createSocket, type Socket } from 'node:dgram';

/** Answers addresses; undefined: there is no such name. */
export type Resolve = (name: string) => readonly string[] | undefined;

const port = 53;
const ttlSeconds = 1;
const typeA = 1;

export function startDns(address: string, resolve: Resolve): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.on('message', (query, from) => {
    const reply = answer(query, resolve);
    if (reply) socket.send(reply, from.port, from.address);
  });
  return new Promise((done, fail) => {
    socket.once('error', fail);
    socket.bind(port, address, () => done(socket));
  });
}

/** Undefined for what is no question. */
export function answer(query: Buffer, resolve: Resolve): Buffer | undefined {
  if (query.length < 17 || query.readUInt16BE(4) !== 1 || (query.readUInt8(2) & 0x80) !== 0) return undefined;
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length !== 0; length = query[at] ?? 0) {
    if (length > 63 || at + length + 5 > query.length) return undefined;
    labels.push(query.toString('latin1', at + 1, at + 1 + length).toLowerCase());
    at += length + 1;
  }
  const end = at + 5;
  if (end > query.length) return undefined;
  const found = resolve(labels.join('.'));
  const addresses = query.readUInt16BE(at + 1) === typeA ? (found ?? []) : [];
  const head = Buffer.alloc(12);
  query.copy(head, 0, 0, 2);
  // an authoritative answer; recursion as asked; 3: no such name
  head.writeUInt16BE(0x8480 | (query.readUInt8(2) & 1 ? 0x0100 : 0) | (found === undefined ? 3 : 0), 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(addresses.length, 6);
  return Buffer.concat([head, query.subarray(12, end), ...addresses.map(record)]);
}

function record(address: string): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt16BE(0xc00c, 0); // the name of the question
  bytes.writeUInt16BE(typeA, 2);
  bytes.writeUInt16BE(1, 4);
  bytes.writeUInt32BE(ttlSeconds, 6);
  bytes.writeUInt16BE(4, 10);
  for (const [index, part] of address.split('.').entries()) bytes[12 + index] = Number(part);
  return bytes;
}
