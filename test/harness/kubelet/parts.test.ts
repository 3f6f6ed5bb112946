/** The pure parts of the harness: what it takes from manifests, and what it makes of them. */
import { describe, expect, test } from 'vitest';
import { answer } from './dns.ts';
import { environmentOf, expand, NotConfigured } from './environment.ts';
import { capabilitiesOf, launchScript, quote } from './launch.ts';
import type { Container, ContainerStatus, EndpointSlice, Pod, Service } from './objects.ts';
import { doorsOf, namesOf } from './services.ts';
import { statusOf } from './status.ts';

const named = (name: string, labels: Record<string, string> = {}) => ({ name, namespace: 'a', uid: name, labels });

describe('environment', () => {
  test('expands what is defined, and `$$` to a dollar', () => {
    expect(expand('$(A)/$(B)/$$(A)/$', { A: 'x' })).toBe('x/$(B)/$(A)/$');
  });

  test('a secret that is not there is waited for, unless it is optional', async () => {
    const pod = { metadata: named('p'), spec: { containers: [] } } satisfies Pod;
    const facts = { podIp: '10.0.0.2', hostIp: '10.0.0.1' };
    const of = (optional: boolean): Container => ({
      name: 'c',
      image: 'i',
      env: [
        { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
        { name: 'KEY', valueFrom: { secretKeyRef: { name: 's', key: 'k', optional } } },
      ],
    });
    const none = async () => undefined;
    await expect(environmentOf(pod, of(false), facts, none)).rejects.toThrow(NotConfigured);
    expect(await environmentOf(pod, of(true), facts, none)).toEqual({ IP: '10.0.0.2' });
    expect(await environmentOf(pod, of(false), facts, async () => ({ k: Buffer.from('v') }))).toEqual({
      IP: '10.0.0.2',
      KEY: 'v',
    });
  });
});

describe('launch', () => {
  test('a name with a quote is one word of the shell', () => {
    expect(quote("a'b")).toBe(`'a'\\''b'`);
  });

  test('ALL dropped leaves what is added; a name that is not known is refused', () => {
    expect(capabilitiesOf({ drop: ['ALL'] })).toEqual([]);
    expect(capabilitiesOf({ drop: ['ALL'], add: ['NET_BIND_SERVICE'] })).toEqual([10]);
    expect(capabilitiesOf()).toContain(18);
    expect(() => capabilitiesOf({ add: ['SYS_ADMIN'] })).toThrow('SYS_ADMIN');
  });

  test('the root is sealed after the last mount, and inner mounts come after outer ones', () => {
    const mount = (to: string) => ({ from: `/v${to}`, to, readOnly: true, isFile: false });
    const script = launchScript({
      ...{ rootfs: '/image', scratch: '/s', uid: 1, gid: 1, groups: [], capabilities: [], cwd: '/', argv: ['/a'] },
      ...{ environmentFile: '/s/env', noNewPrivileges: true, readOnlyRoot: true, mounts: [mount('/a/b'), mount('/a')] },
    });
    const at = (text: string) => script.indexOf(text);
    expect(at("--bind '/v/a' ")).toBeGreaterThan(0);
    expect(at("--bind '/v/a/b'")).toBeGreaterThan(at("--bind '/v/a' "));
    expect(at('mount -o remount,ro .')).toBeGreaterThan(at("remount,bind,ro './a/b'"));
  });
});

describe('services', () => {
  const service: Service = {
    metadata: named('web'),
    spec: {
      clusterIP: '10.96.1.1',
      ports: [
        { name: 'x', port: 80 },
        { name: 'u', port: 53, protocol: 'UDP' },
      ],
    },
    status: { loadBalancer: { ingress: [{ ip: '203.0.113.10' }] } },
  };
  const slice: EndpointSlice = {
    metadata: named('web-1', { 'kubernetes.io/service-name': 'web' }),
    ports: [{ name: 'x', port: 8000 }],
    endpoints: [
      { addresses: ['10.244.1.2'], conditions: { ready: true }, hostname: 'web-0' },
      { addresses: ['10.244.1.3'], conditions: { ready: false }, hostname: 'web-1' },
    ],
  };

  test('only ready endpoints of the named port, at the cluster address and the balancer’s', () => {
    const targets = [{ host: '10.244.1.2', port: 8000 }];
    expect([...doorsOf([service], [slice])]).toEqual([
      ['10.96.1.1 80', targets],
      ['203.0.113.10 80', targets],
    ]);
    const other = { ...service, metadata: { ...service.metadata, namespace: 'b' } };
    expect([...doorsOf([other], [slice]).values()]).toEqual([[], []]);
  });

  test('names of a headless Service are its pods, ready ones or all', () => {
    const headless = (all: boolean) =>
      namesOf([{ ...service, spec: { clusterIP: 'None', publishNotReadyAddresses: all } }], [slice], 'd');
    expect(headless(false).get('web.a.svc.d')).toEqual(['10.244.1.2']);
    expect(headless(false).has('web-1.web.a.svc.d')).toBe(false);
    expect(headless(true).get('web-1.web.a.svc.d')).toEqual(['10.244.1.3']);
  });
});

describe('resolver', () => {
  const query = (name: string, type = 1) => {
    const labels = name.split('.').map((one) => Buffer.concat([Buffer.from([one.length]), Buffer.from(one)]));
    return Buffer.concat([
      Buffer.from('abcd0100000100000000', 'hex'),
      Buffer.alloc(2),
      ...labels,
      Buffer.from([0, 0, type, 0, 1]),
    ]);
  };
  const resolve = (name: string) => (name === 'web.a' ? ['10.0.0.7'] : undefined);

  test('answers an address, nothing of another type, and that a name is unknown', () => {
    const found = answer(query('WEB.a'), resolve);
    expect(found?.subarray(0, 2).toString('hex')).toBe('abcd');
    expect(found?.subarray(-4)).toEqual(Buffer.from([10, 0, 0, 7]));
    expect(answer(query('web.a', 28), resolve)?.readUInt16BE(6)).toBe(0);
    expect((answer(query('web.a', 28), resolve)?.[3] ?? 9) & 15).toBe(0);
    expect((answer(query('x.a'), resolve)?.[3] ?? 0) & 15).toBe(3);
  });

  test('what is cut short is no question', () => {
    const whole = query('web.a');
    for (let length = 0; length < whole.length; length += 1)
      expect(answer(whole.subarray(0, length), resolve)).toBeUndefined();
  });
});

describe('status', () => {
  const container = (state: ContainerStatus['state'], ready = false): ContainerStatus => ({
    ...{ name: 'c', image: 'i', imageID: 'i', ready, started: true, restartCount: 0, state, lastState: {} },
  });
  const of = (state: ContainerStatus['state'], restartPolicy: 'Always' | 'Never', ready = false) =>
    statusOf(
      {
        pod: { metadata: named('p'), spec: { containers: [], restartPolicy } },
        ...{
          podIp: '10.0.0.2',
          hostIp: '10.0.0.1',
          startTime: '',
          init: [],
          initialized: true,
          containers: [container(state, ready)],
        },
      },
      [],
    );
  const ended = (exitCode: number) => ({ terminated: { exitCode, reason: '', finishedAt: '' } });

  test('the phase is of the ends where nothing starts again', () => {
    expect(of(ended(0), 'Never').phase).toBe('Succeeded');
    expect(of(ended(1), 'Never').phase).toBe('Failed');
    expect(of(ended(1), 'Always').phase).toBe('Running');
    expect(of({ waiting: { reason: 'ErrImagePull' } }, 'Always').phase).toBe('Pending');
  });

  test('a pod is ready when its containers are', () => {
    const ready = (is: boolean) =>
      of({ running: { startedAt: '' } }, 'Always', is).conditions.find(({ type }) => type === 'Ready')?.status;
    expect([ready(true), ready(false)]).toEqual(['True', 'False']);
  });
});
