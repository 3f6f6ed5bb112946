import { expect, test } from 'vitest';
import { deployment, gatewayPod, type Value } from '../test/manifests.ts';
import { notYetKnown, restrictedPods } from './index.ts';

const pathsOf = (spec: Value) =>
  restrictedPods(deployment(spec)).map(({ path }) => path.replace('spec.template.spec.', ''));
const pod = (change: Value) => gatewayPod({ pod: change });
const container = (change: Value) => gatewayPod({ container: change });
const context = (change: Value) => gatewayPod({ context: change });
const podContext = (change: Value) =>
  pod({ securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' }, ...change } });
const own = 'containers[0].securityContext';

test('passes: a pod as our planes have it', () => {
  expect(pathsOf(gatewayPod())).toEqual([]);
});

test.each<[string, Value]>([
  [
    'a seccomp profile of its own',
    podContext({ seccompProfile: { type: 'Localhost', localhostProfile: 'gateway.json' } }),
  ],
  ['AppArmor by default', podContext({ appArmorProfile: { type: 'RuntimeDefault' } })],
  ['SELinux as containers have it', podContext({ seLinuxOptions: { type: 'container_t', level: 's0:c1' } })],
  ['a namespaced sysctl', podContext({ sysctls: [{ name: 'net.ipv4.tcp_keepalive_time', value: '60' }] })],
  ['NET_BIND_SERVICE', context({ capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] } })],
  ['hostPort 0, which is none', container({ ports: [{ containerPort: 8443, hostPort: 0 }] })],
  ['hostNetwork false', pod({ hostNetwork: false, hostPID: false, hostIPC: false })],
  ['a projected volume', pod({ volumes: [{ name: 'token', projected: { sources: [] } }] })],
  ['an emptied volume kind', pod({ volumes: [{ name: 'x', emptyDir: {}, hostPath: undefined }] })],
  ['procMount Default', context({ procMount: 'Default' })],
  ['a probe without a host', container({ livenessProbe: { tcpSocket: { port: 8443 } } })],
  ['a whole context that only an update knows', container({ securityContext: notYetKnown })],
  ['values that only an update knows', context({ privileged: notYetKnown, capabilities: { drop: notYetKnown } })],
])('passes: %s', (_what, spec) => {
  expect(pathsOf(spec)).toEqual([]);
});

test('passes: what the pod does not say, its container says', () => {
  const said = { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } };
  expect(pathsOf(gatewayPod({ pod: { securityContext: undefined }, context: said }))).toEqual([]);
});

test.each<[string, Value, string]>([
  ['the node’s network', pod({ hostNetwork: true }), 'hostNetwork'],
  ['the node’s processes', pod({ hostPID: true }), 'hostPID'],
  ['the node’s shared memory', pod({ hostIPC: true }), 'hostIPC'],
  ['the node’s files', pod({ volumes: [{ name: 'x', hostPath: { path: '/var/run' } }] }), 'volumes[0].hostPath'],
  ['an NFS share', pod({ volumes: [{ name: 'x', nfs: {} }] }), 'volumes[0].nfs'],
  ['root at the pod', podContext({ runAsUser: 0 }), 'securityContext.runAsUser'],
  ['runAsNonRoot false at the pod', podContext({ runAsNonRoot: false }), 'securityContext.runAsNonRoot'],
  ['no runAsNonRoot anywhere', podContext({ runAsNonRoot: undefined }), `${own}.runAsNonRoot`],
  ['no seccomp anywhere', podContext({ seccompProfile: undefined }), `${own}.seccompProfile.type`],
  ['seccomp Unconfined', podContext({ seccompProfile: { type: 'Unconfined' } }), 'securityContext.seccompProfile.type'],
  [
    'AppArmor Unconfined',
    podContext({ appArmorProfile: { type: 'Unconfined' } }),
    'securityContext.appArmorProfile.type',
  ],
  ['an SELinux role', podContext({ seLinuxOptions: { role: 'sysadm_r' } }), 'securityContext.seLinuxOptions'],
  [
    'a sysctl of the node',
    podContext({ sysctls: [{ name: 'kernel.msgmax', value: '1' }] }),
    'securityContext.sysctls[0]',
  ],
  ['root in the container, over the pod', context({ runAsUser: 0 }), `${own}.runAsUser`],
  ['runAsNonRoot false, over the pod', context({ runAsNonRoot: false }), `${own}.runAsNonRoot`],
  ['Unconfined, over the pod', context({ seccompProfile: { type: 'Unconfined' } }), `${own}.seccompProfile.type`],
  ['escalation by default', context({ allowPrivilegeEscalation: undefined }), `${own}.allowPrivilegeEscalation`],
  ['escalation', context({ allowPrivilegeEscalation: true }), `${own}.allowPrivilegeEscalation`],
  [
    'a root that can be written, by default',
    context({ readOnlyRootFilesystem: undefined }),
    `${own}.readOnlyRootFilesystem`,
  ],
  ['privileged', context({ privileged: true }), `${own}.privileged`],
  ['capabilities kept', context({ capabilities: undefined }), `${own}.capabilities.drop`],
  ['some dropped', context({ capabilities: { drop: ['NET_RAW'] } }), `${own}.capabilities.drop`],
  ['one added', context({ capabilities: { drop: ['ALL'], add: ['SYS_ADMIN'] } }), `${own}.capabilities.add`],
  ['an unmasked /proc', context({ procMount: 'Unmasked' }), `${own}.procMount`],
  ['a Windows host process', context({ windowsOptions: { hostProcess: true } }), `${own}.windowsOptions.hostProcess`],
  [
    'a port of the node',
    container({ ports: [{ containerPort: 1, hostPort: 443 }] }),
    'containers[0].ports[0].hostPort',
  ],
  [
    'a probe of another host',
    container({ livenessProbe: { httpGet: { host: '169.254.169.254' } } }),
    'containers[0].livenessProbe.httpGet.host',
  ],
  [
    'a hook to another host',
    container({ lifecycle: { preStop: { tcpSocket: { host: 'x' } } } }),
    'containers[0].lifecycle.preStop.tcpSocket.host',
  ],
])('stops: %s', (_what, spec, path) => {
  expect(pathsOf(spec)).toEqual([path]);
});

test('stops an init container as any other', () => {
  const bare = { name: 'init', image: 'x' };
  expect(pathsOf(pod({ initContainers: [bare] }))).toEqual([
    'initContainers[0].securityContext.allowPrivilegeEscalation',
    'initContainers[0].securityContext.readOnlyRootFilesystem',
    'initContainers[0].securityContext.capabilities.drop',
  ]);
});
