/**
 * A service-account token that was made for no pod (a Secret's, or `kubectl create token`) enrols nobody: whoever may make such tokens could otherwise
 * register replicas without end.
 */
import { expect, test } from 'vitest';
import { doorOfPods } from '../../control-plane/test/enrolment-door.ts';

const pods = doorOfPods();

test('a token that is bound to no pod is refused, and its sender is told', async () => {
  const bound = pods.cluster.payload()['kubernetes.io'] as object;
  const { pod: _, ...unbound } = bound as { pod: unknown };
  for (const claimed of [
    { pod: undefined },
    { claims: { 'kubernetes.io': { ...unbound, secret: { name: 'gateway-token', uid: '1' } } } },
  ])
    expect(await pods.door.enrol(await pods.cluster.token(claimed))).toMatchObject({
      status: 403,
      body: { error: { code: 'enrolment_refused', message: expect.stringContaining('is not bound to a pod') } },
    });
});

test('a token of the kind from before Kubernetes 1.22, without private claims, is refused', async () => {
  const claims = {
    'kubernetes.io': undefined,
    'kubernetes.io/serviceaccount/namespace': pods.cluster.identity.namespace,
  };
  expect((await pods.door.enrol(await pods.cluster.token({ claims }))).status).toBe(403);
  expect((await pods.door.enrol(await pods.cluster.token({ claims: { 'kubernetes.io': { pod: {} } } }))).status).toBe(
    403,
  );
  expect(await pods.door.rows('aws')).toEqual([]);
});
