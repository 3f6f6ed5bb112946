/** A token that has expired, is not valid yet, or lives longer than a day enrols nobody, and its sender is told: it helps an operator alone. */
import { expect, test } from 'vitest';
import { Cluster } from '../../control-plane/test/cluster.ts';
import { doorOfPods } from '../../control-plane/test/enrolment-door.ts';

const pods = doorOfPods();

const HOUR = 3_600_000;

test.each([
  ['expired', { issuedAt: Date.now() - 2 * HOUR }, 'has expired'],
  ['expired a day ago, with a long life', { issuedAt: Date.now() - 48 * HOUR, lifeSeconds: 86_400 }, 'has expired'],
  ['issued by a clock that is ahead', { issuedAt: Date.now() + HOUR }, 'is not valid yet: compare the clocks'],
  ['of a year, as API servers give to old clients', { lifeSeconds: 31_536_000 }, 'lives longer than 24 h'],
])('a token that is %s is refused', async (_, claimed, says) => {
  expect(await pods.door.enrol(await pods.cluster.token(claimed))).toMatchObject({
    status: 403,
    body: { error: { code: 'enrolment_refused', message: expect.stringContaining(says) } },
  });
  expect(await pods.door.rows('aws')).toEqual([]);
});

test('a token without an end is refused', async () => {
  for (const claims of [{ exp: undefined }, { iat: undefined }, { exp: '9999999999' }])
    expect((await pods.door.enrol(await pods.cluster.token({ claims }))).status).toBe(403);
  expect(await pods.door.rows('aws')).toEqual([]);
});

test('a forged one is not told that it has expired', async () => {
  const forger = await Cluster.start('aws');
  const heard = await pods.door.enrol(await forger.token({ issuedAt: Date.now() - 2 * HOUR }));
  expect(heard.body.error.message).toContain('token is not accepted.');
});
