import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compileReach, ReachRange } from './reach.ts';

const everywhere = compileReach([{ cidr: '0.0.0.0/0' }, { cidr: '::/0' }]);
const site = compileReach([
  { cidr: '10.1.0.0/16' },
  { cidr: 'fd12::/16', ports: [443, 8443] },
  { cidr: '127.0.0.0/8', ports: [80] },
]);

test.each([
  ['10.1.2.3', 5000, true],
  ['10.2.0.1', 5000, false],
  ['::ffff:10.1.2.3', 5000, true],
  ['::ffff:a01:203', 5000, true],
  ['0:0:0:0:0:FFFF:10.1.2.3', 5000, true],
  ['fd12::1', 443, true],
  ['fd12::1', 80, false],
  ['fd13::1', 443, false],
  ['127.0.0.1', 80, true],
  ['127.0.0.1', 81, false],
  ['::1', 80, false],
  ['fd12::1%eth0', 443, false],
  ['localhost', 80, false],
  ['127.1', 80, false],
  ['0x7f000001', 80, false],
  ['2130706433', 80, false],
  ['', 80, false],
])('%s:%d → %s', (address, port, expected) => {
  expect(site(address, port)).toBe(expected);
});

test.each([
  '169.254.169.254',
  '169.254.170.2',
  '::ffff:169.254.169.254',
  '::ffff:a9fe:a9fe',
  '::169.254.169.254',
  '64:ff9b::a9fe:a9fe',
  '64:ff9b:0:0::169.254.169.254',
  '2002:a9fe:a9fe::1',
  'fd00:ec2::254',
  'FD00:0EC2:0:0:0:0:0:0254',
  'fd20:ce::254',
  '168.63.129.16',
  '::ffff:168.63.129.16',
  '100.100.100.200',
  '192.0.0.192',
  'fe80::1',
  'febf::1',
  '0.0.0.0',
  '::',
  '::ffff:0.0.0.0',
])('%s is dialled from nowhere, even where everything is open', (address) => {
  expect(everywhere(address, 80)).toBe(false);
});

test('everywhere is everywhere else', () => {
  for (const address of ['8.8.8.8', '127.0.0.1', '::1', '2001:db8::1', '64:ff9b::808:808', '::ffff:8.8.8.8']) {
    expect(everywhere(address, 80), address).toBe(true);
  }
});

test('IPv4 ranges open no IPv6 address, and the other way round', () => {
  expect(compileReach([{ cidr: '0.0.0.0/0' }])('2001:db8::1', 80)).toBe(false);
  expect(compileReach([{ cidr: '::/0' }])('8.8.8.8', 80)).toBe(false);
  expect(compileReach([{ cidr: '::/0' }])('::ffff:8.8.8.8', 80)).toBe(false);
});

test('no range, no reach', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (address) => {
      expect(compileReach([])(address, 80)).toBe(false);
    }),
  );
});

const number = (address: string): number => address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);

test('an IPv4 address is in a range exactly where its leading bits are', () => {
  fc.assert(
    fc.property(fc.ipV4(), fc.ipV4(), fc.integer({ min: 0, max: 32 }), (address, network, prefix) => {
      const size = 2 ** (32 - prefix);
      const inside = Math.floor(number(address) / size) === Math.floor(number(network) / size);
      expect(compileReach([{ cidr: `${network}/${prefix}` }])(address, 80)).toBe(inside && everywhere(address, 80));
    }),
    { numRuns: 3_000 },
  );
});

test('a mapped address gets the answer of the address itself', () => {
  fc.assert(
    fc.property(fc.ipV4(), (address) => {
      const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number);
      const hex = `::ffff:${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
      expect(site(hex, 80)).toBe(site(address, 80));
      expect(everywhere(`::ffff:${address}`, 80)).toBe(everywhere(address, 80));
    }),
  );
});

test('no text makes it throw', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.ipV6(), fc.domain()), (text) => void everywhere(text, 80)),
    { numRuns: 3_000 },
  );
});

test.each(['10.0.0.0', '10.0.0.0/33', 'fd00::/129', 'example.com/8', '10.0.0/8', '', '10.0.0.0/-1', '10.0.0.0/8 '])(
  '%j is no range',
  (cidr) => {
    expect(ReachRange.safeParse({ cidr }).success).toBe(false);
    expect(() => compileReach([{ cidr }])).toThrow(TypeError);
  },
);
