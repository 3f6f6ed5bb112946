/** A token is not one-time. Used by another pod, or stolen and used twice, it takes nobody's keys over and makes no second replica of its pod. */
import { expect, test } from 'vitest';
import { makePod } from '../../control-plane/test/cluster.ts';
import { doorOfPods } from '../../control-plane/test/enrolment-door.ts';
import { makeGatewayKeys, renewBody } from '../../control-plane/test/gateway-client.ts';

const pods = doorOfPods();

const refused = {
  status: 403,
  body: { error: { code: 'enrolment_refused', message: expect.stringContaining('those of another replica') } },
};

test("another pod cannot have a replica's row by naming its keys: neither all that are public, nor one of them", async () => {
  const [victim, thief, theirs, own] = [makePod(), makePod(), await makeGatewayKeys(), await makeGatewayKeys()];
  expect((await pods.door.enrol(await pods.cluster.token({ pod: victim }), theirs)).status).toBe(200);
  const before = await pods.door.rows('aws');
  // the mesh key signs the request, so it is the one thing that the thief must have of his own
  for (const keys of [
    { ...theirs, mesh: own.mesh },
    { ...own, sealJwk: theirs.sealJwk },
  ])
    expect(await pods.door.enrol(await pods.cluster.token({ pod: thief }), keys)).toMatchObject(refused);
  expect(await pods.door.rows('aws')).toEqual(before);
});

test('nor the row of a replica that enrolled by a one-time secret', async () => {
  const theirs = await makeGatewayKeys();
  const { enrolling } = pods.door.plane.backbone();
  const { token } = await enrolling.issue('aws');
  expect((await pods.door.post({ ...(await renewBody(theirs)), token })).status).toBe(200);
  const { mesh } = await makeGatewayKeys();
  expect(await pods.door.enrol(await pods.cluster.token(), { ...theirs, mesh })).toMatchObject(refused);
});

test('a token used again and again, with new keys each time, is one replica at most, and not in a hurry', async () => {
  const pod = makePod();
  const token = await pods.cluster.token({ pod });
  const heard = await Promise.all(Array.from({ length: 8 }, () => pods.door.enrol(token)));
  const statuses = heard.map(({ status }) => status).sort();
  expect(statuses).toEqual([200, ...Array.from({ length: 7 }, () => 429)]);
  const own = (await pods.door.rows('aws')).filter((row) => row.pod === pod.uid);
  expect(own).toHaveLength(1);
});
