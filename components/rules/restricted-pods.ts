/**
 * What a stolen process can do inside its pod: nothing but what the pod is for. The profile "restricted" of Kubernetes' Pod
 * Security Standards (which includes "baseline"), and a root file system that cannot be written, on top of it.
 */
import { at, type Declared, isAbsent, list, notYetKnown, record, text, type Violation, violation } from './declared.ts';
import { type Container, containersOf, type Pod, podsOf } from './pods.ts';

export const rule = 'restricted-pods';

interface Fault {
  readonly path: string;
  readonly expected: string;
  readonly remedy: string;
}

const volumeTypes = [
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'persistentVolumeClaim',
  'projected',
  'secret',
];

const safeSysctls = new Set([
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.ping_group_range',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_rmem',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.tcp_wmem',
]);

const seLinuxTypes = new Set(['', 'container_t', 'container_init_t', 'container_kvm_t', 'container_engine_t']);

export function restrictedPods(resource: Declared): readonly Violation[] {
  return podsOf(resource)
    .flatMap((pod) => [...podFaults(pod), ...containersOf(pod).flatMap((one) => containerFaults(pod, one))])
    .map((fault) => violation(rule, resource, fault));
}

function podFaults({ path, spec }: Pod): readonly Fault[] {
  const shared = ['hostNetwork', 'hostPID', 'hostIPC']
    .filter((key) => at(spec, key) === true)
    .map((key) => fault(`${path}.${key}`, 'false', 'Remove it: the pod would share this with its node.'));
  const volumes = list(at(spec, 'volumes')).flatMap((volume, index) =>
    volumeFaults(volume, `${path}.volumes[${index}]`),
  );
  const sysctls = list(at(spec, 'securityContext', 'sysctls')).flatMap((one, index) => {
    const name = text(at(one, 'name'));
    if (name === undefined || safeSysctls.has(name)) return [];
    return [
      fault(
        `${path}.securityContext.sysctls[${index}]`,
        'a namespaced sysctl of the profile "restricted"',
        'Remove it.',
      ),
    ];
  });
  return [...shared, ...volumes, ...sysctls, ...contextFaults(at(spec, 'securityContext'), `${path}.securityContext`)];
}

function volumeFaults(volume: unknown, path: string): readonly Fault[] {
  const given = Object.entries(record(volume)).filter(([key, value]) => key !== 'name' && !isAbsent(value));
  return given
    .filter(([key]) => !volumeTypes.includes(key))
    .map(([key]) =>
      fault(
        `${path}.${key}`,
        `one of ${volumeTypes.join(', ')}`,
        'Use a claim for data, and emptyDir for what may be lost.',
      ),
    );
}

/** What pod and container may both say, and must say well. */
function contextFaults(context: unknown, path: string): readonly Fault[] {
  const seccomp = at(context, 'seccompProfile', 'type');
  const appArmor = at(context, 'appArmorProfile', 'type');
  const seLinux = at(context, 'seLinuxOptions');
  const hostProcess = at(context, 'windowsOptions', 'hostProcess');
  return [
    ...when(
      at(context, 'runAsNonRoot') === false,
      `${path}.runAsNonRoot`,
      'true',
      'Say true, or remove it where the pod says so.',
    ),
    ...when(at(context, 'runAsUser') === 0, `${path}.runAsUser`, 'any user but 0', 'Our images run as 65532.'),
    ...when(
      !isAbsent(seccomp) && seccomp !== notYetKnown && seccomp !== 'RuntimeDefault' && seccomp !== 'Localhost',
      `${path}.seccompProfile.type`,
      'RuntimeDefault or Localhost',
      'Say RuntimeDefault.',
    ),
    ...when(
      !isAbsent(appArmor) && appArmor !== notYetKnown && appArmor !== 'RuntimeDefault' && appArmor !== 'Localhost',
      `${path}.appArmorProfile.type`,
      'RuntimeDefault or Localhost',
      'Remove it: RuntimeDefault is the default.',
    ),
    ...when(
      !seLinuxTypes.has(text(at(seLinux, 'type')) ?? '') ||
        ['user', 'role'].some((key) => (text(at(seLinux, key)) ?? '') !== ''),
      `${path}.seLinuxOptions`,
      'a container type, and neither user nor role',
      'Remove it.',
    ),
    ...when(hostProcess === true, `${path}.windowsOptions.hostProcess`, 'false', 'Remove it.'),
  ];
}

function containerFaults(pod: Pod, { path, container }: Container): readonly Fault[] {
  const where = `${path}.securityContext`;
  const own = at(container, 'securityContext');
  const inherited = at(pod.spec, 'securityContext');
  const either = (...keys: string[]) => (isAbsent(at(own, ...keys)) ? at(inherited, ...keys) : at(own, ...keys));
  return [
    ...contextFaults(own, where),
    ...must(at(own, 'allowPrivilegeEscalation'), false, `${where}.allowPrivilegeEscalation`),
    ...must(at(own, 'readOnlyRootFilesystem'), true, `${where}.readOnlyRootFilesystem`),
    ...when(at(own, 'privileged') === true, `${where}.privileged`, 'false', 'Remove it.'),
    ...when(
      isAbsent(either('runAsNonRoot')),
      `${where}.runAsNonRoot`,
      'true, here or at the pod',
      'Say true at the pod.',
    ),
    ...when(
      isAbsent(either('seccompProfile', 'type')),
      `${where}.seccompProfile.type`,
      'RuntimeDefault, here or at the pod',
      'Say RuntimeDefault at the pod.',
    ),
    ...capabilityFaults(at(own, 'capabilities'), `${where}.capabilities`),
    ...procMountFaults(at(own, 'procMount'), `${where}.procMount`),
    ...list(at(container, 'ports')).flatMap((port, index) => {
      const hostPort = at(port, 'hostPort');
      const free = isAbsent(hostPort) || hostPort === 0 || hostPort === notYetKnown;
      return when(!free, `${path}.ports[${index}].hostPort`, 'none', 'Remove it; a Service reaches the pod.');
    }),
    ...handlerFaults(container, path),
  ];
}

function capabilityFaults(capabilities: unknown, path: string): readonly Fault[] {
  const [drop, add] = [at(capabilities, 'drop'), at(capabilities, 'add')];
  const unsure = drop === notYetKnown || list(drop).includes(notYetKnown);
  return [
    ...when(!unsure && !list(drop).includes('ALL'), `${path}.drop`, '[ALL]', "Say drop: ['ALL']."),
    ...when(
      list(add).some((one) => one !== 'NET_BIND_SERVICE' && one !== notYetKnown),
      `${path}.add`,
      'nothing but NET_BIND_SERVICE',
      'Remove it: our processes listen above 1024 and need none.',
    ),
  ];
}

function procMountFaults(procMount: unknown, path: string): readonly Fault[] {
  const usual = isAbsent(procMount) || procMount === 'Default' || procMount === notYetKnown;
  return when(!usual, path, 'Default', 'Remove it.');
}

/** A probe or hook with a host of its own makes the kubelet call whatever it names. */
function handlerFaults(container: unknown, path: string): readonly Fault[] {
  const handlers = [
    ...['livenessProbe', 'readinessProbe', 'startupProbe'].map((key) => [key]),
    ...['postStart', 'preStop'].map((key) => ['lifecycle', key]),
  ];
  return handlers.flatMap((keys) =>
    ['httpGet', 'tcpSocket']
      .filter((how) => (text(at(container, ...keys, how, 'host')) ?? '') !== '')
      .map((how) =>
        fault(`${path}.${keys.join('.')}.${how}.host`, 'no host', 'Remove it: the kubelet asks the pod itself.'),
      ),
  );
}

function must(value: unknown, wanted: boolean, path: string): readonly Fault[] {
  return when(
    value !== wanted && value !== notYetKnown,
    path,
    String(wanted),
    `Say ${wanted}: there is no safe default.`,
  );
}

function when(broken: boolean, path: string, expected: string, remedy: string): readonly Fault[] {
  return broken ? [fault(path, expected, remedy)] : [];
}

function fault(path: string, expected: string, remedy: string): Fault {
  return { path, expected, remedy };
}
