/** A token is not one-time. Used by another pod, or stolen and used twice, it takes nobody's keys over and makes no second replica of its pod. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Cluster, makePod } from '../../control-plane/test/cluster.ts';
import { type EnrolmentDoor, startEnrolmentDoor } from '../../control-plane/test/enrolment-door.ts';
import { makeGatewayKeys, renewBody } from '../../control-plane/test/gateway-client.ts';

let door: EnrolmentDoor;
let cluster: Cluster;

beforeAll(async () => {
  door = await startEnrolmentDoor();
  cluster = await Cluster.start('aws');
  await door.register('aws', cluster.identity);
}, 120_000);
afterAll(() => door?.[Symbol.asyncDispose]());

const refused = {
  status: 403,
  body: { error: { code: 'enrolment_refused', message: expect.stringContaining('those of another replica') } },
};

test("another pod cannot have a replica's row by naming its keys: neither all that are public, nor one of them", async () => {
  const [victim, thief, theirs, own] = [makePod(), makePod(), await makeGatewayKeys(), await makeGatewayKeys()];
  expect((await door.enrol(await cluster.token({ pod: victim }), theirs)).status).toBe(200);
  const before = await door.rows('aws');
  // the mesh key signs the request, so it is the one thing that the thief must have of his own
  for (const keys of [
    { ...theirs, mesh: own.mesh },
    { ...own, sealJwk: theirs.sealJwk },
  ])
    expect(await door.enrol(await cluster.token({ pod: thief }), keys)).toMatchObject(refused);
  expect(await door.rows('aws')).toEqual(before);
});

test('nor the row of a replica that enrolled by a one-time secret', async () => {
  const theirs = await makeGatewayKeys();
  const { enrolling } = door.plane.backbone();
  const { token } = await enrolling.issue('aws');
  expect((await door.post({ ...(await renewBody(theirs)), token })).status).toBe(200);
  const { mesh } = await makeGatewayKeys();
  expect(await door.enrol(await cluster.token(), { ...theirs, mesh })).toMatchObject(refused);
});

test('a token used again and again, with new keys each time, is one replica at most, and not in a hurry', async () => {
  const pod = makePod();
  const token = await cluster.token({ pod });
  const heard = await Promise.all(Array.from({ length: 8 }, () => door.enrol(token)));
  const statuses = heard.map(({ status }) => status).sort();
  expect(statuses).toEqual([200, ...Array.from({ length: 7 }, () => 429)]);
  const own = (await door.rows('aws')).filter((row) => row.pod === pod.uid);
  expect(own).toHaveLength(1);
});
