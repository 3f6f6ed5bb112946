import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { type Config, ConfigError, readCommandLine, readConfig } from './config.ts';
import { defaultLimits } from './server.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'config-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function read(content: string | object): Promise<Config> {
  const file = join(folder, 'gateway.yaml');
  await writeFile(file, typeof content === 'string' ? content : stringify(content));
  return readConfig(file);
}
const least = {
  url: 'https://aws.example.com',
  controlPlane: { url: 'https://control.example.com', natsUrl: 'nats://control.example.com:4222' },
};

describe('the configuration', () => {
  test('needs two keys, fills in the rest, and cannot be changed', async () => {
    const config = await read({ gateway: least });
    expect(config).toMatchObject({
      listen: { tls: { host: '0.0.0.0', port: 8443 }, health: { port: 8081 }, metrics: { port: 9090 } },
      controlPlane: { natsUrl: ['nats://control.example.com:4222'] },
      dataDir: '/var/lib/portolan',
      enrolmentFile: '/var/lib/portolan/enrolment.json',
      audit: { onFull: 'refuse', maxBytes: 268_435_456 },
      upstreamCidrs: [],
      allowedOrigins: [],
      allowedHosts: [],
    });
    expect(config.listen.insecureLoopback).toBeUndefined();
    expect(Object.isFrozen(config.listen.tls)).toBe(true);
  });

  test('paths count from the folder of the file', async () => {
    const places = { dataDir: 'data', certificate: { certFile: 'tls.crt' }, serviceAccountTokenFile: 'token' };
    const config = await read({ gateway: { ...least, ...places } });
    expect(config.serviceAccountTokenFile).toBe(join(folder, 'token'));
    expect(config.dataDir).toBe(join(folder, 'data'));
    expect(config.enrolmentFile).toBe(join(folder, 'data/enrolment.json'));
    expect(config.certificate).toEqual({ certFile: join(folder, 'tls.crt'), keyFile: '/etc/portolan/tls/tls.key' });
  });

  test('a certificate that the control plane delivers needs no files', async () => {
    expect((await read({ gateway: { ...least, certificate: 'acme' } })).certificate).toBe('acme');
  });

  test('limits by default are those that the server has by itself: ten minutes without a byte, an hour in all', async () => {
    const { limits } = await read({ gateway: least });
    expect([limits.idleTimeoutMs, limits.callTimeoutMs]).toEqual([10 * 60_000, 3_600_000]);
    expect({
      bodyBytes: limits.maxBodyBytes,
      answerBytes: limits.maxHeldAnswerBytes,
      callMs: limits.callTimeoutMs,
      idleMs: limits.idleTimeoutMs,
      quietMs: defaultLimits.quietMs, // no setting
      settleMs: defaultLimits.settleMs, // no setting
      flights: limits.maxConcurrentRequests,
    }).toEqual(defaultLimits);
  });

  test.each<[string, object, RegExp]>([
    [
      'a door that is not loopback',
      { listen: { insecureLoopback: '0.0.0.0:80' } },
      /gateway\.listen\.insecureLoopback: expected a loopback address .* Use 127\.0\.0\.1:80, or remove the key/,
    ],
    [
      'a door on a name that may be loopback',
      { listen: { insecureLoopback: 'localhost.example.com:80' } },
      /insecureLoopback: expected a loopback/,
    ],
    ['a URL without TLS', { url: 'http://aws.example.com' }, /gateway\.url: expected https:/],
    ['a URL with a slash', { url: 'https://aws.example.com/' }, /gateway\.url: expected https:.*trailing slash/],
    [
      'a password in the NATS URL',
      { controlPlane: { ...least.controlPlane, natsUrl: 'nats://me:secret@host:4222' } },
      /controlPlane\.natsUrl: expected nats:/,
    ],
    [
      'an unknown key of a certificate',
      { certificate: { certFle: 'x' } },
      /gateway\.certificate\.certFle: unknown key\. Known here: certFile, keyFile/,
    ],
    ['a word for a certificate', { certificate: 'none' }, /certificate: expected acme, or certFile and keyFile/],
    ['an unknown key', { listn: {} }, /gateway\.listn: unknown key\. Known here: url, controlPlane, listen/],
    [
      'two listeners on one port',
      { listen: { health: '0.0.0.0:9090' } },
      /gateway\.listen\.metrics: is the same address as gateway\.listen\.health/,
    ],
    ['a network that is none', { upstreamCidrs: [{ cidr: '10.0.0.0' }] }, /gateway\.upstreamCidrs\.0\.cidr: expected/],
    [
      'a network of half an address',
      { upstreamCidrs: [{ cidr: '10.0/8' }] },
      /upstreamCidrs\.0\.cidr: expected a CIDR/,
    ],
    [
      'an origin with a path',
      { allowedOrigins: ['https://app.example.com', 'https://app.example.com/'] },
      /gateway\.allowedOrigins\.1: expected an origin as browsers send it/,
    ],
    ['origins without number', { allowedOrigins: ['*'] }, /gateway\.allowedOrigins\.0: expected an origin/],
    ['a host with a port', { allowedHosts: ['mcp.example.com:8443'] }, /allowedHosts\.0: expected a host name/],
    [
      'two ways to enrol',
      { enrolmentFile: 'enrolment.json', serviceAccountTokenFile: '/var/run/secrets/portolan/token' },
      /gateway\.serviceAccountTokenFile: stands beside enrolmentFile/,
    ],
    ['the URL of the control plane', { url: least.controlPlane.url }, /gateway\.url: is the URL of the control plane/],
    ['a missing key', { url: undefined }, /gateway\.url: is missing/],
    ['a port that is none', { listen: { tls: '0.0.0.0:99999' } }, /gateway\.listen\.tls: expected host:port/],
  ])('%s is refused, with file, key and what to do', async (_what, change, sentence) => {
    await expect(read({ gateway: { ...least, ...change } })).rejects.toThrow(ConfigError);
    await expect(read({ gateway: { ...least, ...change } })).rejects.toThrow(sentence);
    await expect(read({ gateway: { ...least, ...change } })).rejects.toThrow(/gateway\.yaml: /);
  });

  test('every fault is named at once; a secret in the file is not repeated', async () => {
    const refused = read({
      gateway: {
        ...least,
        url: 'x',
        logLevel: 'loud',
        controlPlane: { url: 'https://u:hunter2@x.example', natsUrl: 'y' },
      },
    });
    await expect(refused).rejects.toThrow(/url.*controlPlane\.url.*controlPlane\.natsUrl.*logLevel/s);
    await expect(refused).rejects.not.toThrow(/hunter2/);
  });

  test('a file that is no YAML, and one that is not there, say so', async () => {
    await expect(read('gateway: {a: 1, a: 2}')).rejects.toThrow(
      /gateway\.yaml: is not valid YAML: Map keys must be unique/,
    );
    expect(() => readConfig(join(folder, 'none.yaml'))).toThrow(/none\.yaml: cannot be read/);
  });
});

describe('the command line', () => {
  test('--help lists every option with its default', () => {
    const line = readCommandLine(['--help']);
    expect(line.kind === 'help' && line.text).toMatch(
      /gateway\.audit\.maxBytes +Bound .* in bytes\. Default: 268435456\./,
    );
  });

  test('anything else than --config <file> is refused with the right usage', () => {
    expect(() => readCommandLine([])).toThrow(/gateway --config <file>/);
    expect(() => readCommandLine(['--port', '1'])).toThrow(/--port.*Expected "gateway --config <file>"/s);
  });
});
