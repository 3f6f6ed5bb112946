/**
 * A small authoritative DNS server of our own for tests, on loopback: answers questions over UDP and TCP, and takes dynamic updates (RFC 2136) that a key
 * of its own has signed (RFC 8945). Reads and writes messages with `dns-packet`, and checks signatures by itself, so that it shares no code with what it tests.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { type Answer, decode, encode, type Packet } from 'dns-packet';

export interface ServerKey {
  readonly name: string;
  readonly algorithm: 'hmac-sha256' | 'hmac-sha512';
  readonly secret: Buffer;
}

interface Tsig {
  readonly algorithm: string;
  readonly time: number;
  readonly mac: Buffer;
  readonly id: number;
  /** Where the record begins in the message. */
  readonly at: number;
  readonly name: string;
}

const [NOERROR, REFUSED, NOTAUTH, NOTZONE] = [0, 5, 9, 10];
const UPDATE = 5;

/** Binds to loopback on a port of its own, UDP and TCP. `zones`: without trailing dot. */
export async function startTestDns(zones: readonly string[], keys: readonly ServerKey[]): Promise<TestDns> {
  const dns = new TestDns(zones, keys);
  await dns.bind();
  return dns;
}

export class TestDns implements AsyncDisposable {
  /** 127.0.0.1:port */
  address = '';
  /** `add name`, `remove name`, `refused <why>` in order. */
  readonly updates: string[] = [];
  /** The keys that may write. */
  keys: readonly ServerKey[];
  /** Its clock, ms since epoch. */
  now: () => number = Date.now;
  /** Refuses updates while true. */
  refusing = false;
  /** Updates are answered once it is over. */
  held: Promise<void> | undefined;
  /** Signs its answers by this secret instead. */
  answersWith: Buffer | undefined;
  readonly #zones: readonly string[];
  readonly #texts = new Map<string, string[]>();
  readonly #cnames = new Map<string, string>();
  readonly #sockets = new Set<Socket>();
  readonly #udp = createSocket('udp4');
  readonly #tcp = createServer((socket) =>
    serveTcp(socket, this.#sockets, async (message) => {
      await this.held;
      return this.#answer(message);
    }),
  );

  constructor(zones: readonly string[], keys: readonly ServerKey[]) {
    this.#zones = zones;
    this.keys = keys;
    this.#udp.on('message', (message, from) => this.#udp.send(this.#answer(message), from.port, from.address));
  }

  async bind(): Promise<void> {
    this.address = `127.0.0.1:${await bind(this.#udp, this.#tcp)}`;
  }

  /** `name value` of the TXT records that are there now. */
  txt(): readonly string[] {
    return [...this.#texts].flatMap(([name, values]) => values.map((value) => `${name} ${value}`));
  }

  cname(name: string, target: string): void {
    this.#cnames.set(name, target);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#udp.close();
    this.#tcp.close();
    await once(this.#tcp, 'close');
  }

  #answer(message: Buffer): Buffer {
    const operation = (message.readUInt16BE(2) >> 11) & 0xf;
    return operation === UPDATE ? this.#takeUpdate(message) : this.#answerQuestion(decode(message));
  }

  #answerQuestion(packet: Packet): Buffer {
    const [question] = packet.questions ?? [];
    const answers: Answer[] = [];
    let at = question?.name.toLowerCase() ?? '';
    for (let target = this.#cnames.get(at); target !== undefined; target = this.#cnames.get(at)) {
      answers.push({ type: 'CNAME', name: at, class: 'IN', ttl: 1, data: target });
      at = target;
    }
    if (question?.type === 'TXT')
      for (const data of this.#texts.get(at) ?? [])
        answers.push({ type: 'TXT', name: at, class: 'IN', ttl: 1, data: [data] });
    return encode({ type: 'response', id: packet.id ?? 0, flags: 1 << 10, questions: packet.questions ?? [], answers });
  }

  #takeUpdate(message: Buffer): Buffer {
    const tsig = readTsig(message);
    const key = this.keys.find(({ name }) => name === tsig?.name);
    const now = this.now();
    if (!tsig || !key || !isRight(message, tsig, key)) {
      this.updates.push(`refused ${key ? 'BADSIG' : 'BADKEY'}`);
      return signedReply(bareReply(message, NOTAUTH), tsig, undefined, { error: key ? 16 : 17, now });
    }
    if (Math.abs(now / 1_000 - tsig.time) > 300)
      return signedReply(bareReply(message, NOTAUTH), tsig, key, { error: 18, now });
    const code = this.refusing ? REFUSED : this.#apply(decode(message));
    const signing = { ...key, secret: this.answersWith ?? key.secret };
    return signedReply(bareReply(message, code), tsig, signing, { error: 0, now });
  }

  #apply(packet: Packet): number {
    const zone = packet.questions?.[0]?.name.toLowerCase() ?? '';
    if (!this.#zones.includes(zone)) return NOTAUTH;
    for (const record of packet.authorities ?? []) {
      const name = record.name.toLowerCase();
      if (name !== zone && !name.endsWith(`.${zone}`)) return NOTZONE;
      const of = (record as { readonly class?: string }).class;
      const value = [(record as { readonly data: Buffer | Buffer[] }).data].flat().join('');
      const others = (this.#texts.get(name) ?? []).filter((text) => text !== value);
      this.#texts.set(name, of === 'IN' ? [...others, value] : others);
      this.updates.push(`${of === 'IN' ? 'add' : 'remove'} ${name}`);
    }
    return NOERROR;
  }
}

/** Header alone, without the question, as RFC 2136 §3.8 allows. */
function bareReply(message: Buffer, code: number): Buffer {
  const bare = Buffer.from(message.subarray(0, 12));
  bare.writeUInt16BE(0x8000 | (UPDATE << 11) | code, 2);
  bare.fill(0, 4);
  return bare;
}

async function bind(udp: ReturnType<typeof createSocket>, tcp: ReturnType<typeof createServer>): Promise<number> {
  tcp.listen(0, '127.0.0.1');
  await once(tcp, 'listening');
  const { port } = tcp.address() as AddressInfo;
  udp.bind(port, '127.0.0.1');
  await once(udp, 'listening');
  return port;
}

function serveTcp(socket: Socket, all: Set<Socket>, answer: (message: Buffer) => Promise<Buffer>): void {
  all.add(socket);
  socket.on('close', () => all.delete(socket)).on('error', () => {});
  let got = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    got = Buffer.concat([got, chunk]);
    while (got.length >= 2 && got.length >= 2 + got.readUInt16BE(0)) {
      const message = got.subarray(2, 2 + got.readUInt16BE(0));
      got = got.subarray(2 + got.readUInt16BE(0));
      void answer(message).then((reply) => socket.write(Buffer.concat([u16(reply.length), reply])));
    }
  });
}

const u16 = (value: number): Buffer => Buffer.of(value >> 8, value & 0xff);
const u48 = (value: number): Buffer => Buffer.concat([u16(Math.floor(value / 2 ** 32)), u32(value % 2 ** 32)]);
const u32 = (value: number): Buffer => Buffer.concat([u16(Math.floor(value / 65_536)), u16(value % 65_536)]);
const wireName = (name: string): Buffer =>
  Buffer.concat([
    ...name.split('.').map((label) => Buffer.concat([Buffer.of(label.length), Buffer.from(label)])),
    Buffer.of(0),
  ]);

/** A name without pointers. */
function readLabels(data: Buffer): string {
  const labels: string[] = [];
  for (let at = 0; data[at] !== 0; at += 1 + (data[at] ?? 0))
    labels.push(data.toString('latin1', at + 1, at + 1 + (data[at] ?? 0)));
  return labels.join('.');
}

function readTsig(message: Buffer): Tsig | undefined {
  const found = decode(message).additionals?.at(-1) as { type: string; name: string; data: Buffer } | undefined;
  if (found?.type !== 'TSIG') return undefined;
  const { data } = found;
  const algorithm = readLabels(data);
  const at = wireName(algorithm).length;
  const size = data.readUInt16BE(at + 8);
  return {
    algorithm,
    time: data.readUIntBE(at, 6),
    mac: data.subarray(at + 10, at + 10 + size),
    id: data.readUInt16BE(at + 10 + size),
    at: message.length - data.length - 10 - wireName(found.name).length,
    name: found.name,
  };
}

const trailer = (name: string, algorithm: string, time: number, error: number): Buffer =>
  Buffer.concat([wireName(name), u16(255), u32(0), wireName(algorithm), u48(time), u16(300), u16(error), u16(0)]);

function hmac({ algorithm, secret }: ServerKey, ...parts: readonly Buffer[]): Buffer {
  const made = createHmac(algorithm.replace('hmac-', ''), secret);
  for (const part of parts) made.update(part);
  return made.digest();
}

function isRight(message: Buffer, tsig: Tsig, key: ServerKey): boolean {
  const bare = Buffer.from(message.subarray(0, tsig.at));
  bare.writeUInt16BE(bare.readUInt16BE(10) - 1, 10);
  const mac = hmac(key, bare, trailer(key.name, key.algorithm, tsig.time, 0));
  return tsig.algorithm === key.algorithm && mac.length === tsig.mac.length && timingSafeEqual(mac, tsig.mac);
}

function signedReply(
  bare: Buffer,
  tsig: Tsig | undefined,
  key: ServerKey | undefined,
  { error, now }: { readonly error: number; readonly now: number },
): Buffer {
  if (!tsig) return bare;
  const time = Math.floor(now / 1_000);
  const mac = key
    ? hmac(key, u16(tsig.mac.length), tsig.mac, bare, trailer(tsig.name, tsig.algorithm, time, error))
    : Buffer.alloc(0);
  const data = Buffer.concat([
    wireName(tsig.algorithm),
    u48(time),
    u16(300),
    u16(mac.length),
    mac,
    u16(tsig.id),
    u16(error),
    u16(0),
  ]);
  const record = Buffer.concat([wireName(tsig.name), u16(250), u16(255), u32(0), u16(data.length), data]);
  const whole = Buffer.concat([bare, record]);
  whole.writeUInt16BE(1, 10);
  return whole;
}
