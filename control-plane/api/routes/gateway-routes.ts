/** What gateways ask themselves, and agents of NATS servers: enrolment with a one-time secret or their pod's token; renewal and snapshot with their mesh certificate. */
import { api, GatewayName } from '@portolan/core';
import { z } from 'zod';
import type { MeshCaller } from '../../ports.ts';
import { problem } from '../../problem.ts';
import { created, empty, ok, type Route, route } from '../route.ts';
import type { Parts } from './parts.ts';

const Named = z.strictObject({ name: GatewayName });
const REVISION = 'expected a whole number from 0 on';
const After = z.strictObject({
  after: z.coerce
    .number(REVISION)
    .pipe(z.int(REVISION).min(0, REVISION))
    .default(0)
    .describe('Revision that the gateway has.'),
});

export const gatewayRoutes = (parts: Parts): readonly Route[] => [
  route({
    method: 'POST',
    path: '/gateways/{name}/enrolments',
    access: 'admin',
    tag: 'gateways',
    summary: 'Makes a one-time secret with which a replica of the gateway enrols.',
    params: Named,
    answers: { 201: { says: "What the gateway's enrolment file holds.", schema: api.Enrolment } },
    problems: ['invalid_parameter', 'not_found'],
    handle: async ({ params }) => created(await parts.enrolling.issue(params.name)),
  }),
  route({
    method: 'POST',
    path: '/enroll',
    access: 'secret',
    tag: 'gateways',
    summary:
      "Enrols a replica: its public keys and a one-time secret, or its pod's service-account token, against certificate, NATS identity and first snapshot.",
    body: api.EnrollBody,
    answers: { 200: { says: 'Its identity.', schema: api.Identity } },
    problems: ['invalid_body', 'enrolment_refused', 'too_many_requests'],
    handle: async ({ body }) => ok(await parts.enrolling.enroll(body)),
  }),
  ...natsServerRoutes(parts),
  route({
    method: 'POST',
    path: '/renew',
    access: 'mesh',
    tag: 'gateways',
    summary: 'Renews the identity of the replica whose certificate is presented.',
    body: api.RenewBody,
    answers: { 200: { says: 'Its identity.', schema: api.Identity } },
    problems: ['invalid_body', 'certificate_refused'],
    handle: async ({ caller, body }) => ok(await parts.enrolling.renew(present(caller), body)),
  }),
  route({
    method: 'GET',
    path: '/gateways/self/snapshot',
    access: 'mesh',
    tag: 'gateways',
    summary: 'The newest snapshot of the gateway whose certificate is presented, for when NATS is away.',
    query: After,
    answers: {
      200: { says: 'Compact JWS.', schema: z.string(), type: 'application/jose' },
      204: { says: 'Nothing newer.' },
    },
    problems: ['invalid_parameter', 'certificate_refused'],
    handle: async ({ caller, query }) => {
      const gateway = await parts.enrolling.identify(present(caller));
      const jws = await parts.snapshots.newer(gateway, query.after);
      return jws === undefined ? empty : { status: 200, body: jws, type: 'application/jose' };
    },
  }),
];

const natsServerRoutes = ({ natsServers }: Parts): readonly Route[] => [
  route({
    method: 'POST',
    path: '/nats-servers/enroll',
    access: 'secret',
    tag: 'gateways',
    summary:
      "Gives the agent of a NATS server its certificate and the keys that all servers hold, against its pod's service-account token.",
    body: api.NatsServerEnrollBody,
    answers: { 200: { says: 'Its identity.', schema: api.NatsServerIdentity } },
    problems: ['invalid_body', 'enrolment_refused', 'not_found'],
    handle: async ({ body }) => ok(await natsServers.enroll(body)),
  }),
  route({
    method: 'POST',
    path: '/nats-servers/certificate',
    access: 'secret',
    tag: 'gateways',
    summary:
      "Gives the agent of a NATS server the public certificate that was ordered for control plane and NATS, against its pod's service-account token.",
    body: api.NatsServerCertificateBody,
    answers: { 200: { says: 'Certificate and key.', schema: api.PublicPair } },
    problems: ['invalid_body', 'enrolment_refused', 'not_found'],
    handle: async ({ body }) => ok(await natsServers.certificate(body)),
  }),
];

function present(caller: MeshCaller | undefined): MeshCaller {
  if (!caller) throw problem('certificate_refused', 'A mesh certificate of a gateway is required.');
  return caller;
}
