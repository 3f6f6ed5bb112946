/**
 * A certificate that was good until it expired is refused, also on a second connection right after (session tickets would let it in: they are off).
 * A federation of its own, because its certificates must live for seconds.
 */
import { X509Certificate } from 'node:crypto';
import { expect, test } from 'vitest';
import { eventually, startFederation } from '../harness/federation.ts';
import { askAsPeer, hopHeaders, identityOf, requestIdOf } from '../harness/mesh-client.ts';

test('a certificate that has expired is refused, twice, while its successor is let in', async () => {
  await using federation = await startFederation('expired', { certificateLife: '12s' });
  const ask = (identity: { key: string; cert: string }) =>
    askAsPeer(federation, 'azure', identity, hopHeaders(federation, 'aws', 'azure'));

  const stolen = await eventually('a certificate that azure lets in', async () => {
    const identity = await identityOf(federation, 'aws');
    return (await ask(identity)).status === 200 ? identity : undefined;
  });
  const old = new X509Certificate(stolen.cert);
  await eventually(
    'it has expired and aws has another one',
    async () => {
      const now = new X509Certificate((await identityOf(federation, 'aws')).cert);
      return Date.now() > Date.parse(old.validTo) + 1_000 && now.serialNumber !== old.serialNumber ? true : undefined;
    },
    60_000,
  );

  for (const attempt of [1, 2]) {
    const refused = await ask(stolen);
    expect(refused.status, `attempt ${attempt}: ${refused.text}`).toBe(403);
    const row = await federation.auditRow(requestIdOf(refused));
    expect(row).toMatchObject({ status: 'refused', code: 'peer_certificate', user: null });
  }
  const fresh = await eventually('the successor is let in', async () => {
    const reply = await ask(await identityOf(federation, 'aws'));
    return reply.status === 200 ? reply : undefined;
  });
  expect(fresh.text).toContain('get_calendar_events');
}, 400_000);
