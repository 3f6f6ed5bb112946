/** The control plane behind its real HTTP routes, for tests of enrolment: what a pod sends and hears, and what the log says of it. */
import type { WorkloadIdentity } from '@portolan/core';
import pino from 'pino';
import { afterAll, beforeAll } from 'vitest';
import { routesOf } from '../api/routes/index.ts';
import { gateways, put } from '../registry/index.ts';
import { createApi } from '../server/create-api.ts';
import { startTestBackbone, type TestBackbone, until } from './backbone.ts';
import { Cluster } from './cluster.ts';
import { type GatewayKeys, makeGatewayKeys, renewBody } from './gateway-client.ts';
import { urlOf } from './world.ts';

export interface Heard {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: what a test expects of it is the test's own matter
  readonly body: any;
}

export interface EnrolmentDoor extends AsyncDisposable {
  readonly plane: TestBackbone;
  /** Everything that was logged or complained of. */
  log(): string;
  register(gateway: string, workloadIdentity?: WorkloadIdentity): Promise<void>;
  post(body: object): Promise<Heard>;
  /** Enrols with keys of its own, or with `keys`. */
  enrol(token: string, keys?: GatewayKeys): Promise<Heard>;
  /** Replicas and pods of a gateway that are registered, in order of enrolment. */
  rows(gateway: string): Promise<readonly { readonly replica: string; readonly pod: string | null }[]>;
}

/** `now`: ms since epoch. */
export async function startEnrolmentDoor(now: () => number = Date.now): Promise<EnrolmentDoor> {
  await using stack = new AsyncDisposableStack();
  const plane = stack.use(await startTestBackbone('  renewGrace: 30d')); // a pod has none
  await plane.restart(now);
  const lines: string[] = [];
  const app = apiOf(plane, { now, write: (line) => void lines.push(line) });
  stack.defer(() => app.close());
  const running = stack.move();
  const post = async (body: object): Promise<Heard> => {
    const reply = await app.inject({ method: 'POST', url: '/api/v1/enroll', payload: body });
    return { status: reply.statusCode, body: reply.json() };
  };
  return {
    plane,
    log: () => [...lines, ...plane.troubles].join('\n'),
    register: async (gateway, workloadIdentity) => {
      await put(plane.database.db, gateways, gateway, { url: urlOf(gateway), workloadIdentity });
      await until(async () => (await plane.database.db.selectFrom('outbox').select('id').execute()).length === 0);
    },
    post,
    enrol: async (serviceAccountToken, keys) =>
      post({ ...(await renewBody(keys ?? (await makeGatewayKeys()))), serviceAccountToken }),
    rows: (gateway) =>
      plane.database.db
        .selectFrom('gateway_replicas')
        .select(['replica', 'pod_uid as pod'])
        .where('gateway', '=', gateway)
        .where('revoked_at', 'is', null)
        .where('left_at', 'is', null)
        .orderBy('enrolled_at')
        .execute(),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

function apiOf(
  { config, database: { db }, kek, backbone }: TestBackbone,
  { now, write }: { readonly now: () => number; readonly write: (line: string) => void },
) {
  const { enrolling, natsServers, snapshots, nats } = backbone();
  const { federation, url } = config;
  const known = { db, kek, enrolling, natsServers, snapshots, nats, federation, now, version: '0.0.0' };
  const routes = routesOf({ ...known, servers: { of: () => new Map() }, ordersCertificates: false });
  const mounting = {
    routes,
    db,
    meshName: 'control.test.mesh.internal',
    url,
    version: '0.0.0',
    ready: () => true,
    now,
  };
  return createApi({ mounting, log: pino({}, { write }) });
}

/** A door for the tests of one file, and a cluster whose pods are gateway `aws` there. Hooks of vitest open and close it. */
export function doorOfPods(): { readonly door: EnrolmentDoor; readonly cluster: Cluster } {
  let door: EnrolmentDoor | undefined;
  let cluster: Cluster | undefined;
  beforeAll(async () => {
    door = await startEnrolmentDoor();
    cluster = await Cluster.start('aws');
    await door.register('aws', cluster.identity);
  }, 120_000);
  afterAll(() => door?.[Symbol.asyncDispose]());
  const opened = <T>(part: T | undefined): T => {
    if (part === undefined) throw new Error('the door opens before the first test');
    return part;
  };
  return {
    get door() {
      return opened(door);
    },
    get cluster() {
      return opened(cluster);
    },
  };
}
