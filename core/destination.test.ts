import fc from 'fast-check';
import { expect, test } from 'vitest';
import { destination } from './destination.ts';

const self = { name: 'aws', url: 'https://aws' };
const peers = new Map([['https://azure', { name: 'azure', url: 'https://azure', dial: 'azure:443', minIssuedAt: 0 }]]);
const own = { name: 's', proxyUrl: 'https://aws', gateway: 'aws', url: 'http://s' };
const theirs = { name: 's', proxyUrl: 'https://azure', gateway: 'azure' };
const hop = { id: 'x', entry: 'azure', hops: 1, via: ['azure'], deadlineMs: 1 };

test('our own server is dialled here, for callers and for peers', () => {
  expect(destination(own, self, peers)).toEqual({ kind: 'upstream', url: 'http://s' });
  expect(destination(own, self, peers, hop)).toEqual({ kind: 'upstream', url: 'http://s' });
});

test('another’s is one hop away, where it is a peer', () => {
  expect(destination(theirs, self, peers)).toEqual({ kind: 'peer', gateway: 'azure' });
  expect(destination({ ...theirs, proxyUrl: 'https://gcp', gateway: 'gcp' }, self, peers)).toEqual({
    kind: 'no-route',
    gateway: 'gcp',
  });
});

test('the upstream of another is never dialled, even where its URL is known', () => {
  expect(destination({ ...theirs, url: 'http://s' }, self, peers).kind).toBe('peer');
});

test('a call that has crossed once crosses no more', () => {
  expect(destination(theirs, self, peers, hop)).toEqual({ kind: 'loop', via: ['azure', 'aws'] });
  expect(destination(own, self, peers, { ...hop, hops: 2 }).kind).toBe('loop');
  expect(destination(own, self, peers, { ...hop, via: ['aws'] }).kind).toBe('loop');
});

test('whatever the hop header says, nothing goes on to a peer', () => {
  const hops = fc.record({
    id: fc.string(),
    entry: fc.string(),
    hops: fc.nat(999),
    via: fc.array(fc.constantFrom('aws', 'azure', 'gcp')),
    deadlineMs: fc.nat(),
  });
  fc.assert(
    fc.property(hops, fc.constantFrom(own, theirs), (any, server) => {
      expect(destination(server, self, peers, any).kind).not.toBe('peer');
    }),
  );
});
