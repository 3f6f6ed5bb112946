/**
 * How a container's process comes to be, as one shell text: mounts over an overlay of the image, then a launcher that gives up
 * root and becomes the program. Pure. It runs in a mount and process namespace of its own, inside the pod's network namespace.
 */
import { join } from 'node:path';

export interface Mount {
  readonly from: string;
  /** Absolute, inside the container. */
  readonly to: string;
  readonly readOnly: boolean;
  readonly isFile: boolean;
}

export interface Launch {
  readonly rootfs: string;
  /** Empty folder on a tmpfs. */
  readonly scratch: string;
  readonly mounts: readonly Mount[];
  readonly readOnlyRoot: boolean;
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  /** Numbers of linux/capability.h that stay. */
  readonly capabilities: readonly number[];
  readonly noNewPrivileges: boolean;
  readonly cwd: string;
  /** File of `NAME=value` ended by NUL: the environment, which stands in no argument. */
  readonly environmentFile: string;
  readonly argv: readonly string[];
}

const devices = ['null', 'zero', 'full', 'random', 'urandom', 'tty'];

/** @returns a script for `sh`. */
export function launchScript(launch: Launch): string {
  const root = join(launch.scratch, 'root');
  const [upper, work] = [join(launch.scratch, 'upper'), join(launch.scratch, 'work')];
  const mounts = [...launch.mounts].sort((a, b) => a.to.length - b.to.length);
  return [
    'set -eu',
    `mkdir -p ${quote(root)} ${quote(upper)} ${quote(work)}`,
    `mount -t overlay overlay -o ${quote(`lowerdir=${launch.rootfs},upperdir=${upper},workdir=${work}`)} ${quote(root)}`,
    `cd ${quote(root)}`,
    'mkdir -p proc sys dev etc tmp',
    'mount -t proc -o nosuid,nodev,noexec proc proc',
    'mount -t sysfs -o ro,nosuid,nodev,noexec sysfs sys',
    'mount -t tmpfs -o nosuid,mode=755,size=65536k tmpfs dev',
    ...devices.flatMap((name) => [`touch dev/${name}`, `mount --bind /dev/${name} dev/${name}`]),
    'ln -s /proc/self/fd dev/fd; ln -s /proc/self/fd/1 dev/stdout; ln -s /proc/self/fd/2 dev/stderr',
    'mkdir -m 1777 dev/shm',
    ...mounts.flatMap(mountLines),
    ...(launch.readOnlyRoot ? ['mount -o remount,ro .'] : []),
    `exec ${['perl', '-e', launcher, ...launcherArgs(launch, root), ...launch.argv].map(quote).join(' ')}`,
    '',
  ].join('\n');
}

function mountLines({ from, to, readOnly, isFile }: Mount): string[] {
  const target = quote(`.${to}`);
  const parent = quote(`.${join(to, '..')}`);
  const place = isFile ? `mkdir -p ${parent}; [ -e ${target} ] || touch ${target}` : `mkdir -p ${target}`;
  // a bind mount is read-only only by a second step; what is mounted read-only below it already stays as it is
  const seal = readOnly ? [`mount -o remount,bind,ro ${target}`] : [];
  return [place, `mount --bind ${quote(from)} ${target}`, ...seal];
}

function launcherArgs(launch: Launch, root: string): string[] {
  return [
    root,
    launch.cwd,
    String(launch.uid),
    [launch.gid, launch.gid, ...launch.groups].join(' '),
    launch.capabilities.join(','),
    launch.noNewPrivileges ? '1' : '0',
    launch.environmentFile,
  ];
}

/**
 * util-linux' setpriv cannot change the root after it has dropped the capability for it, and is not in an image. PR_CAPBSET_DROP
 * is 24, PR_SET_NO_NEW_PRIVS 38; prctl is system call 157 on x86-64, 167 on arm64. Descriptor 3 is told, and closed (F_SETFD,
 * FD_CLOEXEC), when all of that is done and the program begins.
 */
const launcher = `
my ($root, $cwd, $uid, $groups, $caps, $nnp, $file, @argv) = @ARGV;
my $prctl = (\`uname -m\` =~ /aarch64/) ? 167 : 157;
open(my $in, "<", $file) or die "environment: $!"; local $/; my %env = map { split(/=/, $_, 2) } split(/\\0/, <$in>); close($in);
chroot($root) or die "chroot: $!"; chdir($cwd) or die "chdir $cwd: $!";
my %keep = map { $_ => 1 } split(/,/, $caps);
for my $cap (0 .. 40) { syscall($prctl, 24, $cap, 0, 0, 0) unless $keep{$cap} }
my ($gid) = split(/ /, $groups);
$( = $gid; $) = $groups; die "groups: $!" if (split(/ /, $)))[0] != $gid;
if ($uid != 0) { ($<, $>) = ($uid, $uid); die "uid: $!" if $< != $uid || $> != $uid }
if ($nnp) { syscall($prctl, 38, 1, 0, 0, 0) == 0 or die "no_new_privs: $!" }
umask(0022); %ENV = %env;
open(my $up, ">&=", 3) or die "fd 3: $!"; fcntl($up, 2, 1); syswrite($up, "up");
exec { $argv[0] } @argv or do { print STDERR "exec $argv[0]: $!\\n"; exit 128 };
`;

/** Becomes the parent of the first process of a namespace; its exit code is 128 and the signal where one ended that. `unshare --fork` says 1 for SIGKILL. */
export const waiter =
  'my $pid = fork; die "fork: $!" unless defined $pid; if (!$pid) { exec @ARGV; exit 128 } waitpid($pid, 0); exit($? & 127 ? 128 + ($? & 127) : $? >> 8);';

export function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

const numbers: Readonly<Record<string, number>> = {
  ...{ CHOWN: 0, DAC_OVERRIDE: 1, FOWNER: 3, FSETID: 4, KILL: 5, SETGID: 6, SETUID: 7, SETPCAP: 8 },
  ...{ NET_BIND_SERVICE: 10, NET_RAW: 13, SYS_CHROOT: 18, MKNOD: 27, AUDIT_WRITE: 29, SETFCAP: 31 },
};

/** What stays of the capabilities that a container runtime gives by default. Names that it does not give are refused. */
export function capabilitiesOf(
  given: { readonly add?: readonly string[]; readonly drop?: readonly string[] } = {},
): number[] {
  const drop = new Set(given.drop);
  const kept = drop.has('ALL') ? [] : Object.keys(numbers).filter((name) => !drop.has(name));
  return [...new Set([...kept, ...(given.add ?? [])])].map((name) => {
    const number = numbers[name];
    if (number === undefined)
      throw new Error(`capability ${name}: the harness knows ${Object.keys(numbers).join(', ')}`);
    return number;
  });
}
