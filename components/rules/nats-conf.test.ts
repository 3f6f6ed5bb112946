import { expect, test } from 'vitest';
import { readNatsConf } from './nats-conf.ts';

test('reads what nats-server reads: maps, lists, strings, bare words, comments, and keys in any case', () => {
  const conf = `
# a comment
server_name: portolan   // another
listen: 127.0.0.1:4222, http = "0.0.0.0:8222"
TLS { cert_file: '/a b/c.crt' verify true; timeout: 5 }
cluster: {
  name: c # after a value
  routes: [ nats://nats-0:6222, "nats://nats-1:6222" ]
  tls { verify: true }
}
jetstream { store_dir: "/x # y { z" }
`;
  expect(readNatsConf(conf)).toEqual({
    server_name: 'portolan',
    listen: '127.0.0.1:4222',
    http: '0.0.0.0:8222',
    tls: { cert_file: '/a b/c.crt', verify: 'true', timeout: '5' },
    cluster: { name: 'c', routes: ['nats://nats-0:6222', 'nats://nats-1:6222'], tls: { verify: 'true' } },
    jetstream: { store_dir: '/x # y { z' },
  });
});

test.each([
  ['a map without an end', 'tls { verify: true'],
  ['a list without an end', 'a: [ b'],
  ['a key without a value', 'a: { b: }'],
  ['maps without end', 'tls {'.repeat(100_000)],
  ['a stray brace', '} a: b'],
  ['an include, whose file is not here', 'include ./tls.conf'],
])('does not guess: %s', (_what, conf) => {
  expect(readNatsConf(conf)).toBeUndefined();
});
