/**
 * Dynamic update (RFC 2136) over TCP, signed by TSIG: what BIND, Knot, PowerDNS and Windows' DNS speak.
 * The secret is read for each update, so that a rotated one is used at once.
 */
import { randomInt } from 'node:crypto';
import { access } from 'node:fs/promises';
import { connect } from 'node:net';
import { isAbsolute } from 'node:path';
import { z } from 'zod';
import { readPrivately } from '../../keys/private-files.ts';
import { hostAndPort } from './host-port.ts';
import { isInZone, providerKind } from './provider.ts';
import { signMessage, TSIG_ALGORITHMS, type TsigKey, type Verdict, verifyReply } from './tsig.ts';
import { CLASS, encodeText, encodeUpdate, type Reply, readReply, TYPE, type WireRecord } from './wire.ts';

const TIMEOUT_MS = 10_000;
const TTL_S = 60;
const DNS_NAME = /^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i;
const DnsName = z.string().regex(DNS_NAME, 'expected a DNS name without a trailing dot');

const Rfc2136 = z.strictObject({
  server: z
    .string()
    .refine((text) => hostAndPort(text) !== undefined, 'expected host or host:port, as ns1.example.com or 10.0.0.53:53')
    .describe('The primary server of the zone, host or host:port (default 53); updates go there over TCP.'),
  zone: DnsName.describe('Zone that is updated; the names of challenges, after CNAMEs, must lie in it.'),
  keyName: DnsName.describe('Name of the TSIG key, as the server knows it.'),
  algorithm: z.enum(TSIG_ALGORITHMS).default('hmac-sha256').describe('Of the TSIG key. Default hmac-sha256.'),
  keyFile: z
    .string()
    .refine(isAbsolute, 'expected an absolute path')
    .describe('The secret of the TSIG key in base64; mode 0600. Read for each update.'),
});

/** RFC 1035 §4.1.1, RFC 2136 §2.2. */
const CODES: Readonly<Record<number, string>> = {
  1: 'FORMERR',
  2: 'SERVFAIL',
  4: 'NOTIMP: it takes no dynamic updates',
  5: 'REFUSED: its policy does not let this key write this name',
  9: 'NOTAUTH: it does not serve this zone, or does not know this key',
  10: 'NOTZONE: the name is not in the zone',
};

const SAYS: Readonly<Record<Exclude<Verdict, 'good'>, string>> = {
  unsigned: 'the answer is not signed',
  forged: 'the signature of the answer does not hold',
  BADSIG:
    'the signature of the update does not hold there: is keyFile the secret of keyName, and algorithm its algorithm?',
  BADKEY: 'it does not know this key: mend keyName or algorithm',
  BADTIME: 'the two clocks differ by more than 300 s',
};

type Settings = z.output<typeof Rfc2136>;

export const rfc2136 = providerKind({
  config: Rfc2136,
  open: async (settings, now) => {
    await readKey(settings);
    const zone = settings.zone.toLowerCase();
    const change = async (name: string, update: WireRecord, signal: AbortSignal): Promise<void> => {
      if (!isInZone(name, zone))
        throw new Error(`${name} is not in zone ${zone}: name the zone that it is in, or delegate it by a CNAME`);
      await send(settings, update, now, signal);
    };
    return {
      zone,
      server: settings.server,
      present: (name, value, signal) =>
        change(name, { name, type: TYPE.txt, class: CLASS.in, ttl: TTL_S, data: encodeText(value) }, signal),
      // class NONE: this record of the set alone (RFC 2136 §2.5.4)
      remove: (name, value, signal) =>
        change(name, { name, type: TYPE.txt, class: CLASS.none, ttl: 0, data: encodeText(value) }, signal),
    };
  },
});

async function readKey({ keyName, algorithm, keyFile }: Settings): Promise<TsigKey> {
  await access(keyFile).catch((cause: unknown) => {
    throw new Error(`TSIG key ${keyFile} cannot be read: expected a file with the secret of ${keyName} in base64.`, {
      cause,
    });
  });
  const text = (await readPrivately(keyFile, 'TSIG key')).trim();
  const secret = Buffer.from(text, 'base64');
  if (secret.length < 16 || !/^[A-Za-z0-9+/]+={0,2}$/.test(text))
    throw new Error(`TSIG key ${keyFile}: expected a secret of at least 16 bytes in base64, and nothing else.`);
  return { name: keyName, algorithm, secret };
}

async function send(settings: Settings, update: WireRecord, now: () => number, signal: AbortSignal): Promise<void> {
  const { server, zone, keyName } = settings;
  const key = await readKey(settings);
  const { message, mac } = signMessage(encodeUpdate(randomInt(65_536), zone, [update]), key, now());
  const answer = await exchange(server, message, signal);
  const fail = (why: string): Error =>
    new Error(`DNS server ${server} did not take the update of ${update.name} by key ${keyName}: ${why}`);
  const judged = judge(answer, key, mac, now());
  if (judged === undefined || judged.reply.id !== message.readUInt16BE(0))
    throw fail('what it answered is no reply to it');
  const { reply, verdict } = judged;
  // who refuses without a signature may be anyone, but then nothing was written in any case
  if (reply.code !== 0 && (verdict === 'good' || verdict === 'unsigned'))
    throw fail(CODES[reply.code] ?? `code ${reply.code}`);
  if (verdict !== 'good') throw fail(SAYS[verdict]);
}

/** Undefined for bytes that are no DNS message. */
function judge(
  answer: Buffer,
  key: TsigKey,
  requestMac: Buffer,
  now: number,
): { readonly reply: Reply; readonly verdict: Verdict } | undefined {
  try {
    const reply = readReply(answer);
    return { reply, verdict: verifyReply(answer, reply, key, requestMac, now) };
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** One message and its answer over TCP (RFC 1035 §4.2.2). */
async function exchange(server: string, message: Buffer, signal: AbortSignal): Promise<Buffer> {
  const { host, port } = hostAndPort(server) ?? { host: server, port: 53 };
  const socket = connect({ host, port, signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]) });
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  socket.write(Buffer.concat([length, message]));
  let got = Buffer.alloc(0);
  try {
    for await (const chunk of socket) {
      got = Buffer.concat([got, chunk as Buffer]);
      if (got.length >= 2 && got.length >= 2 + got.readUInt16BE(0)) return got.subarray(2, 2 + got.readUInt16BE(0));
    }
  } catch (cause) {
    throw new Error(
      `DNS server ${server} did not answer the update: ${cause instanceof Error ? cause.message : cause}`,
      { cause },
    );
  } finally {
    socket.destroy();
  }
  throw new Error(`DNS server ${server} hung up before it answered the update`);
}
