/** The link to NATS when NATS is the one that fails: dead from the start, gone for longer than a certificate lives, another server than ours. */
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { siteFiles } from '../config.ts';
import { keyFiles } from '../keys/key-files.ts';
import { startTestBackbone, type TestBackbone, until } from '../test/backbone.ts';
import { enrolGateway, newest } from '../test/world.ts';
import { dial } from './dial.ts';
import { readNatsKeys } from './keys.ts';
import { controlUser } from './user-jwt.ts';

const LIFE_S = 4;
let plane: TestBackbone;

beforeAll(async () => {
  plane = await startTestBackbone(`  certificateLife: ${LIFE_S}s`);
  await until(() => plane.backbone().nats.connected());
}, 60_000);
afterAll(async () => plane?.[Symbol.asyncDispose]());

const connected = (): boolean => plane.backbone().nats.connected();

test('NATS dead from the start: gateways enrol all the same, and the link is made when it comes', async () => {
  await plane.nats.kill();
  await plane.restart();
  plane.troubles.length = 0;
  await expect(enrolGateway(plane, 'aws')).resolves.toMatchObject({ identity: { gateway: 'aws' } });
  expect(connected()).toBe(false);
  expect(plane.troubles.filter((trouble) => trouble.startsWith('reach NATS')).length).toBeLessThanOrEqual(1);
  await plane.nats.start();
  await until(connected);
}, 30_000);

test('NATS away for longer than a certificate lives: the next dial uses the renewed one', async () => {
  const before = plane.backbone().material.current();
  await plane.nats.kill();
  await until(() => !connected());
  await until(() => plane.backbone().material.current() !== before, LIFE_S * 1_000);
  const renewed = plane.backbone().material.current();
  await until(() => plane.backbone().material.current() !== renewed, LIFE_S * 1_000); // the first has expired by now
  await plane.nats.start();
  await until(connected);
}, 30_000);

test('a connection that the client gave up is made anew', async () => {
  const link = plane.backbone().nats as unknown as { current(): NatsConnection | undefined };
  const before = link.current();
  await before?.close();
  await until(() => link.current() !== undefined && link.current() !== before);
  await enrolGateway(plane, 'later');
  expect((await newest(plane, 'later')).gateway).toBe('later');
});

test('NATS and we end at the same moment: no error escapes', async () => {
  for (let i = 0; i < 10; i += 1) {
    await plane.nats.kill();
    await plane.restart(); // vitest fails on an uncaught exception
    await plane.nats.start();
    await until(connected);
  }
}, 60_000);

test('a server whose certificate another CA signed is not talked to', async () => {
  const { dataDir, nats } = plane.config;
  const keys = await readNatsKeys(keyFiles(dataDir).natsKeys);
  const { material } = plane.backbone();
  const address = { urls: nats.url, material };
  const good = await dial({ ...address, caFile: siteFiles(plane.config).caFile }, await controlUser(keys), 'control');
  await good.close();
  // the mesh's root vouches for no server here
  const wrong = { ...address, caFile: keyFiles(dataDir).meshCa };
  await expect(dial(wrong, await controlUser(keys), 'control')).rejects.toThrow(/certificate/i);
});

test('streams that were changed or deleted by hand are ours again at the next connect', async () => {
  const link = plane.backbone().nats as unknown as { current(): NatsConnection | undefined };
  const nc = await until(() => link.current());
  const manager = await jetstreamManager(nc);
  await manager.streams.update('CFG', { max_msgs_per_subject: 1 });
  await manager.streams.delete('AUDIT');
  await nc.reconnect();
  await until(async () => {
    const [config, audit] = await Promise.all([manager.streams.info('CFG'), manager.streams.info('AUDIT')]).catch(
      () => [],
    );
    return config?.config.max_msgs_per_subject === 5 && audit?.config.retention === 'workqueue';
  });
});
