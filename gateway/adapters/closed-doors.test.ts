import { networkInterfaces } from 'node:os';
import { expect, test } from 'vitest';
import { ClosedDoors } from './closed-doors.ts';

test('own ports are closed on every address of this machine, others on the addresses of their names', async () => {
  const doors = new ClosedDoors({
    own: [8443],
    others: [
      { host: 'localhost', port: 4222 },
      { host: '192.0.2.7', port: 443 },
      { host: 'no.such.name.invalid', port: 1 },
    ],
  });
  await doors.lookUp();
  const own = Object.values(networkInterfaces()).flatMap((all) => all?.map(({ address }) => address) ?? []);
  for (const address of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1', '::ffff:7f00:1', ...own])
    expect(doors.closed(address, 8443)).toBe(true);
  expect(doors.closed('127.0.0.1', 4222)).toBe(true);
  expect(doors.closed('::ffff:7f00:1', 4222)).toBe(true);
  expect(doors.closed('192.0.2.7', 443)).toBe(true);
  for (const [address, port] of [
    ['192.0.2.7', 8443],
    ['127.0.0.1', 8444],
    ['192.0.2.8', 443],
  ] as const)
    expect(doors.closed(address, port)).toBe(false);
});
