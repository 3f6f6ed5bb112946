/**
 * A machine that slept for longer than a certificate lives heals itself. The life is shortened instead of the night lengthened: certificates of a
 * few seconds, and every gateway stopped (SIGSTOP) until all of them have expired.
 */
import type { X509Certificate } from 'node:crypto';
import { connect } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually, type Federation, startFederation } from '../harness/federation.ts';

const LIFE_S = 12;
let federation: Federation;
beforeAll(async () => {
  federation = await startFederation('sleep', { certificateLife: `${LIFE_S}s` });
}, 300_000);
afterAll(async () => {
  await federation?.[Symbol.asyncDispose]();
}, 120_000);

/** The mesh certificate that a gateway shows just now. */
const shown = (port: number, name: string) =>
  new Promise<X509Certificate>((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', servername: name, rejectUnauthorized: false }, () => {
      const certificate = socket.getPeerX509Certificate();
      socket.destroy();
      certificate ? resolve(certificate) : reject(new Error('no certificate'));
    });
    socket.once('error', reject);
  });

test('certificates that expired during a sleep are renewed on waking, without a restart', async () => {
  const gateways = ['gateway-aws', 'gateway-azure', 'gateway-gcp', 'gateway-onprem'];
  const pids = gateways.map((name) => federation.pid(name));
  const mesh = `azure.${federation.stack}.mesh.internal`;
  const before = await eventually(
    'a short-lived certificate',
    async () => {
      const certificate = await shown(federation.portBase + 20, mesh);
      return Date.parse(certificate.validTo) - Date.now() < 60_000 ? certificate : undefined;
    },
    60_000,
  );
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  await eventually(
    'every certificate has expired',
    async () => (Date.now() > Date.parse(before.validTo) + 3_000 ? true : undefined),
    60_000,
  );
  for (const pid of pids) process.kill(pid, 'SIGCONT');
  const reply = await eventually(
    'a crossing after the sleep',
    async () => {
      const answer = await federation.callTool(
        'aws',
        'mcp-m365',
        federation.local.users.alice?.token ?? '',
        'get_calendar_events',
        { date: '2026-11-23' },
      );
      return answer.status === 200 ? answer : undefined;
    },
    30_000,
  );
  expect(reply.message.result).toBeDefined();
  const after = await shown(federation.portBase + 20, mesh);
  expect(after.serialNumber).not.toBe(before.serialNumber);
}, 300_000);
