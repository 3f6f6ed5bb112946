// The base of every image: libc, libstdc++, libgcc, certificates of authorities, time zones, and nothing that could be run.
// Packages come by mmdebstrap, so apt has verified them; their descriptions stay in /var/lib/dpkg/status.d, as in distroless
// images, where scanners look for them. mmdebstrap leaves this machine's host name and resolvers there: they go. Invariant: no file of a package that is not wanted, no program, no set-uid bit.

import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { run } from './run.ts';

/** Debian release of the base. */
const suite = 'bookworm';
const wanted = [
  'base-files',
  'ca-certificates',
  'gcc-12-base',
  'libc6',
  'libgcc-s1',
  'libstdc++6',
  'netbase',
  'tzdata',
];
/** Only for images of development. */
const shell = 'dash';

/** Changes when the base would. */
export const baseRecipe = JSON.stringify([suite, wanted, shell, readFileSync(import.meta.filename, 'utf8')]);

const programs = ['bin', 'sbin', 'usr/bin', 'usr/sbin', 'usr/games'];
const unneeded = [
  'etc/apt',
  'etc/dpkg',
  'etc/hostname',
  'etc/resolv.conf',
  'etc/fstab',
  'etc/skel',
  'etc/default',
  'etc/kernel',
  'etc/update-motd.d',
  'etc/profile.d',
  'var/cache',
  'var/log',
  'var/lib/apt',
  'var/lib/dpkg',
  'var/lock',
  'var/tmp',
  'var/local',
  'var/backups',
  'var/spool',
  'var/mail',
  'var/opt',
  'usr/share/gcc',
  'usr/share/man',
  'usr/share/locale',
  'usr/share/lintian',
  'usr/share/bug',
  'usr/share/info',
  'usr/share/base-files',
  'usr/lib/x86_64-linux-gnu/gconv',
  'usr/lib/aarch64-linux-gnu/gconv',
  'boot',
  'home',
  'media',
  'mnt',
  'srv',
  'opt',
];

/** Fills `<folder>/rootfs`, and `<folder>/shell` with what a shell adds. Needs the network, 10 s. */
export async function makeBase(folder: string, signal?: AbortSignal): Promise<void> {
  const [root, archives] = [join(folder, 'rootfs'), join(folder, 'archives')];
  mkdirSync(archives);
  const include = [...wanted, shell].join(',');
  const keep = `--extract-hook=cp "$1"/var/cache/apt/archives/*.deb '${archives}'`;
  await run(
    'mmdebstrap',
    ['--quiet', '--variant=extract', '--format=directory', `--include=${include}`, keep, suite, root],
    { signal },
  );
  for (const path of unneeded) rmSync(join(root, path), { recursive: true, force: true });
  mkdirSync(join(root, 'var/lib/dpkg/status.d'), { recursive: true });
  for (const archive of readdirSync(archives)) await sift(root, join(archives, archive));
  await run('dpkg-deb', ['-x', join(archives, findArchive(archives, shell)), join(folder, 'dash')]);
  rmSync(archives, { recursive: true });
  trimDocuments(join(root, 'usr/share/doc'));
  for (const path of programs) rmSync(join(root, path), { recursive: true, force: true });
  for (const name of readdirSync(join(root, 'dev'))) rmSync(join(root, 'dev', name), { recursive: true, force: true });
  writeFiles(root);
}

function findArchive(folder: string, name: string): string {
  const found = readdirSync(folder).find((file) => file.startsWith(`${name}_`));
  if (found === undefined) throw new Error(`mmdebstrap brought no ${name}`);
  return found;
}

/** Describes a wanted package; takes the files of another one away again. */
async function sift(root: string, archive: string): Promise<void> {
  const name = (await run('dpkg-deb', ['-f', archive, 'Package'])).trim();
  if (wanted.includes(name)) {
    writeFileSync(join(root, 'var/lib/dpkg/status.d', name), await run('dpkg-deb', ['-f', archive]), { mode: 0o644 });
    return;
  }
  const listed = (await run('dpkg-deb', ['-c', archive])).split('\n').filter(Boolean);
  const paths = listed.map((line) => line.split(/\s+/).slice(5).join(' ').split(' -> ')[0] ?? '');
  for (const path of paths.sort().reverse()) remove(join(root, path));
}

function remove(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isDirectory()) rmSync(path);
  else if (readdirSync(path).length === 0) rmdirSync(path);
}

/** Licences stay. */
function trimDocuments(folder: string): void {
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    const own = join(folder, name);
    if (!lstatSync(own).isDirectory()) continue;
    for (const file of readdirSync(own)) if (file !== 'copyright') rmSync(join(own, file), { recursive: true });
  }
}

/** What the packages' own scripts would have made. */
function writeFiles(root: string): void {
  const put = (path: string, text: string) => writeFileSync(join(root, path), text, { mode: 0o644 });
  put(
    'etc/passwd',
    'root:x:0:0:root:/root:/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n',
  );
  put('etc/group', 'root:x:0:\nnobody:x:65534:\nnonroot:x:65532:\n');
  put('etc/nsswitch.conf', 'passwd: files\ngroup: files\nhosts: files dns\n');
  const authorities = join(root, 'usr/share/ca-certificates/mozilla');
  const bundle = readdirSync(authorities)
    .sort()
    .map((file) => readFileSync(join(authorities, file), 'utf8').trim());
  mkdirSync(join(root, 'etc/ssl/certs'), { recursive: true });
  put('etc/ssl/certs/ca-certificates.crt', `${bundle.join('\n')}\n`);
  rmSync(join(root, 'etc/localtime'), { force: true });
  symlinkSync('/usr/share/zoneinfo/Etc/UTC', join(root, 'etc/localtime'));
  for (const path of ['proc', 'sys', 'dev', 'run', 'root', 'home', 'etc/portolan'])
    mkdirSync(join(root, path), { recursive: true, mode: 0o755 });
  mkdirSync(join(root, 'tmp'), { recursive: true });
  chmodSync(join(root, 'tmp'), 0o1777);
}
