import { subjects } from '@portolan/core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Enrolled } from '../stand-in/enrolled.ts';
import { lastValue } from './last-value.ts';

let own: Enrolled;
beforeEach(async () => {
  own = await Enrolled.begin();
});
afterEach(() => own.end());

const until = (condition: () => unknown, timeout = 20_000) => expect.poll(condition, { timeout, interval: 20 });
const decode = (data: Uint8Array | undefined): string | undefined => data && new TextDecoder().decode(data);

describe('the NATS link', () => {
  test('comes up when NATS does, survives its kill, hears pushes and reads last values on every connection', async () => {
    const { link, plane } = own;
    const heard: (string | undefined)[] = [];
    let connects = 0;
    link.subscribe(subjects.pushedSnapshot, (data) => heard.push(decode(data)));
    link.onConnect(() => (connects += 1));
    own.run((signal) => link.run(signal));
    await until(() => own.lines.some((line) => /NATS is away/.test(line))).toBe(true);
    expect(link.publish('rpc.aws.report', 'x')).toBe(false);
    await expect(link.request('rpc.aws.report')).rejects.toThrow(/not connected/);

    const control = await plane.nats.start();
    await until(() => link.connected).toBe(true);
    expect(await lastValue(link, subjects.snapshot('aws'))).toBeUndefined();
    const request = control.request.bind(control);
    await request(subjects.snapshot('aws'), 'one', { timeout: 2000 });
    await until(() => heard).toEqual(['one']);
    expect(decode(await lastValue(link, subjects.snapshot('aws')))).toBe('one');

    await plane.nats.kill();
    await until(() => link.connected).toBe(false);
    const again = await plane.nats.start();
    await until(() => link.connected).toBe(true);
    await again.request(subjects.snapshot('aws'), 'two', { timeout: 2000 });
    await until(() => heard).toEqual(['one', 'two']);
    expect(connects).toBe(2);
  });

  test('may not reach what is another gateway`s, or the consumer API', async () => {
    const { link, plane } = own;
    const control = await plane.nats.start();
    const heard: string[] = [];
    control.subscribe('>', { callback: (_error, message) => void heard.push(message.subject) });
    await control.flush();
    own.run((signal) => link.run(signal));
    await until(() => link.connected).toBe(true);
    for (const subject of [
      'audit.azure.records',
      'rpc.azure.report',
      'push.aws.snapshot',
      'cfg.aws.snapshot',
      '$JS.API.CONSUMER.CREATE.CFG',
    ])
      link.publish(subject, 'x');
    await expect(lastValue(link, subjects.snapshot('azure'))).rejects.toThrow(/no answer/);
    link.publish('rpc.aws.report', 'x');
    await until(() => heard.includes('rpc.aws.report')).toBe(true);
    expect(heard.filter((subject) => /azure|^push|^cfg|CONSUMER/.test(subject))).toEqual([]);
  });
});

describe('the NATS link over a renewal', () => {
  test('goes on with the new JWT and certificate after the old ones have ended', { timeout: 60_000 }, async () => {
    await own.end();
    own = await Enrolled.begin(6000);
    const { link, plane, identity } = own;
    await plane.nats.start();
    own.run((signal) => link.run(signal));
    await until(() => link.connected).toBe(true);
    const firstEnd = identity.current()?.notAfter ?? 0;
    const connectedAt: number[] = [];
    link.onConnect(() => connectedAt.push(Date.now()));
    plane.certificateLife = 3_600_000;
    await until(() => identity.current()?.notAfter !== firstEnd).toBe(true);
    await until(() => connectedAt.length).toBe(1);
    expect(connectedAt[0]).toBeLessThan(firstEnd);
    await until(() => Date.now() > firstEnd + 3500).toBe(true);
    expect(connectedAt.length).toBe(1);
    await until(() => link.connected).toBe(true);
    expect(await lastValue(link, subjects.snapshot('aws'))).toBeUndefined();
  });
});
