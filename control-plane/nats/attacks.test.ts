/** A stolen gateway identity against a real nats-server: what it may not do it cannot do, and once revoked it is out. */
import { stat } from 'node:fs/promises';
import type { NatsConnection } from '@nats-io/transport-node';
import { subjects } from '@portolan/core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dataFiles } from '../config.ts';
import { certificatePem, ES256, makeKeys, X509CertificateGenerator } from '../mesh-ca/x509.ts';
import { startTestBackbone, type TestBackbone, until } from '../test/backbone.ts';
import { connectAsGateway, type GatewayKeys, makeGatewayKeys } from '../test/gateway-client.ts';
import { type Enrolled, enrolGateway, retireGateway } from '../test/world.ts';

let plane: TestBackbone;
let thief: Enrolled;
let victim: Enrolled;
let nc: NatsConnection;

beforeAll(async () => {
  plane = await startTestBackbone();
  await until(() => plane.backbone().nats.connected());
  thief = await enrolGateway(plane, 'thief');
  victim = await enrolGateway(plane, 'victim');
  nc = await connectAsGateway(plane.config, thief.keys, thief.identity);
}, 120_000);
afterAll(async () => {
  await nc?.close();
  await plane?.[Symbol.asyncDispose]();
});

/** What the server says of one attempt: permission errors come asynchronously. */
async function violationOf(attempt: (nc: NatsConnection) => void): Promise<string> {
  const own = await connectAsGateway(plane.config, thief.keys, thief.identity);
  try {
    const refused = Promise.withResolvers<string>();
    void (async () => {
      for await (const status of own.status())
        if (status.type === 'error') refused.resolve(String(status.error.message));
    })();
    attempt(own);
    await own.flush();
    return await Promise.race([
      refused.promise,
      own
        .rtt()
        .then(() => own.rtt())
        .then(() => 'allowed'),
    ]);
  } finally {
    await own.close();
  }
}

const publishing = (subject: string) => (own: NatsConnection) => own.publish(subject, '{}');
const listening = (subject: string) => (own: NatsConnection) =>
  void own.subscribe(subject, { callback: () => {} }).closed.catch(() => {});

describe('a gateway may not publish', () => {
  test.each([
    'audit.victim.records',
    'rpc.victim.report',
    'rpc.victim.metrics',
    'cfg.thief.snapshot',
    'cfg.victim.snapshot',
    'push.victim.snapshot',
    'push.thief.ack',
    '_INBOX.control.x',
    '_INBOX.victim.x',
    '$JS.API.DIRECT.GET.CFG.cfg.victim.snapshot',
    '$JS.API.DIRECT.GET.CFG',
    '$JS.API.STREAM.MSG.GET.CFG',
    '$JS.API.STREAM.INFO.CFG',
    '$JS.API.STREAM.DELETE.CFG',
    '$JS.API.STREAM.CREATE.MINE',
    '$JS.API.CONSUMER.CREATE.CFG',
    '$JS.API.CONSUMER.CREATE.CFG.mine.cfg.thief.snapshot',
    '$JS.API.CONSUMER.DURABLE.CREATE.AUDIT.mine',
    '$JS.API.CONSUMER.MSG.NEXT.AUDIT.ledger',
    '$JS.ACK.AUDIT.ledger.1.1.1.1.0',
    '$JS.API.INFO',
    '$SYS.REQ.CLAIMS.UPDATE',
    '$SYS.REQ.SERVER.PING',
  ])('%s', async (subject) => {
    expect(await violationOf(publishing(subject))).toMatch(/permissions violation/i);
  });
});

describe('a gateway may not subscribe', () => {
  test.each([
    '>',
    'push.>',
    'push.*.snapshot',
    'push.victim.>',
    'cfg.thief.snapshot',
    'cfg.>',
    'audit.>',
    'audit.thief.records',
    'rpc.>',
    'rpc.thief.report',
    '_INBOX.>',
    '_INBOX.victim.>',
    '_INBOX.control.>',
    '$SYS.>',
    '$JS.>',
  ])('%s', async (subject) => {
    expect(await violationOf(listening(subject))).toMatch(/permissions violation/i);
  });
});

test('what it may do, it can: its own snapshot, its own subjects', async () => {
  const own = await nc.request(`$JS.API.DIRECT.GET.CFG.${subjects.snapshot('thief')}`);
  expect(own.string()).toContain('eyJ');
  expect(await violationOf(publishing('rpc.thief.report'))).toBe('allowed');
  expect(await violationOf(listening('push.thief.>'))).toBe('allowed');
});

test('a body cannot ask DIRECT.GET for another subject', async () => {
  const body = JSON.stringify({ last_by_subj: subjects.snapshot('victim') });
  const answer = await nc.request(`$JS.API.DIRECT.GET.CFG.${subjects.snapshot('thief')}`, body);
  expect(answer.headers?.code).toBe(408);
});

test("an answer turned to another's inbox arrives nowhere that matters, and says nothing of the victim", async () => {
  const seen: string[] = [];
  const other = await connectAsGateway(plane.config, victim.keys, victim.identity);
  other.subscribe('push.victim.>', { callback: (_error, message) => void seen.push(message.string()) });
  await other.flush();
  nc.publish(`$JS.API.DIRECT.GET.CFG.${subjects.snapshot('thief')}`, '', { reply: 'push.victim.snapshot' });
  await nc.flush();
  await nc.rtt();
  await other.rtt();
  await other.close();
  // what gets through is signed for another audience: the gateway's own check refuses it
  for (const text of seen) expect(text).toBe(thief.identity.snapshot);
});

test("forged records and reports under one's own subject are dropped with an alarm", async () => {
  const record = { gateway: 'victim' };
  nc.publish('rpc.thief.report', JSON.stringify({ ...record, replica: 'x' }));
  await until(() => plane.alarms.some((alarm) => alarm.startsWith('rpc.thief.report')));
});

test('without the nkey a JWT is nothing, with another one neither', async () => {
  const others = await makeGatewayKeys();
  await expect(connectAsGateway(plane.config, { ...thief.keys, nkey: others.nkey }, thief.identity)).rejects.toThrow(
    /authorization violation/i,
  );
  await expect(
    connectAsGateway(plane.config, thief.keys, { ...thief.identity, natsJwt: victim.identity.natsJwt }),
  ).rejects.toThrow(/authorization violation/i);
});

test('a certificate of another CA is refused before a word is said', async () => {
  const stranger = await startStranger();
  await expect(
    connectAsGateway(
      plane.config,
      { ...thief.keys, mesh: stranger.mesh },
      { ...thief.identity, certificateChain: stranger.chain },
    ),
  ).rejects.toThrow();
});

/** A self-signed certificate with the name of our root. */
async function startStranger(): Promise<{ mesh: GatewayKeys['mesh']; chain: string }> {
  const keys = await makeKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=test mesh root',
    keys,
    signingAlgorithm: ES256,
  });
  return { mesh: keys, chain: certificatePem(certificate) };
}

test('a retired gateway is cut off within seconds, and stays out after the server was made anew', async () => {
  const doomed = await enrolGateway(plane, 'doomed');
  const connection = await connectAsGateway(plane.config, doomed.keys, doomed.identity);
  await retireGateway(plane, 'doomed');
  await connection.closed();
  await expect(connectAsGateway(plane.config, doomed.keys, doomed.identity)).rejects.toThrow(
    /authorization violation/i,
  );

  await plane.nats.kill();
  await plane.wipeNats();
  await plane.nats.start();
  await until(() => plane.backbone().nats.connected());
  await until(async () =>
    connectAsGateway(plane.config, doomed.keys, doomed.identity).then(
      (open) => open.close().then(() => false),
      (error: Error) => /authorization violation/i.test(error.message),
    ),
  );
  // the others are in again at once
  const back = await connectAsGateway(plane.config, victim.keys, victim.identity);
  await back.close();
}, 60_000);

test('nats.conf and everything beside it is for us alone', async () => {
  expect((await stat(dataFiles(plane.config.dataDir).natsConf)).mode & 0o777).toBe(0o600);
});
