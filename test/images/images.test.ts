// The images themselves: what stands in their configuration, what is in their file systems, and what is not.

import { execFileSync } from 'node:child_process';
import { type Dirent, existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import { sbomOf } from '../../tools/images/sbom.ts';
import { imagesForTests } from '../harness/images.ts';

const { images, missing } = await imagesForTests('gateway', 'control-plane', 'nats-server', 'postgres');
const planes = ['gateway', 'control-plane'] as const;
const all = [...planes, 'nats-server', 'postgres'] as const;
const user = 65_532;

function image(name: (typeof all)[number]) {
  if (images === undefined) throw new Error(missing);
  return images[name];
}

function files(root: string): Dirent[] {
  return readdirSync(root, { withFileTypes: true, recursive: true });
}

const pathOf = (root: string, one: Dirent) => `/${relative(root, join(one.parentPath, one.name))}`;

/** As a pod runs it, but for namespaces. */
function inside(name: (typeof all)[number], ...args: string[]): string {
  const userspec = `--userspec=${user}:${user}`;
  return execFileSync('chroot', [userspec, image(name).rootfs, ...args], {
    encoding: 'utf8',
    env: { PATH: '/usr/sbin:/usr/bin' },
    timeout: 60_000,
  });
}

describe.skipIf(images === undefined)('images', () => {
  test.each(planes)('%s: user, entry point, labels and health check', (name) => {
    const { config } = image(name);
    expect(config.User).toBe('65532:65532');
    expect(config.Entrypoint).toEqual(['/usr/local/bin/node', `/opt/portolan/${name}/main.js`]);
    expect(config.Cmd ?? []).toEqual([]);
    expect(config.Healthcheck?.Test).toEqual(['CMD', '/usr/local/bin/node', '/opt/portolan/health.js', '8081']);
    const label = (key: string) => config.Labels?.[`org.opencontainers.image.${key}`];
    expect(label('title')).toBe(`portolan-${name}`);
    expect(label('licenses')).toBe('Apache-2.0');
    expect(label('version')).toMatch(/^\d+\.\d+\.\d+$/);
    expect(existsSync(join(image(name).rootfs, config.Labels?.['dev.portolan.sbom'] ?? ''))).toBe(true);
  });

  test.each(all)('%s: at most 200 MB, by digest, as an archive', (name) => {
    expect(image(name).size).toBeGreaterThan(10_000_000);
    expect(image(name).size).toBeLessThanOrEqual(200_000_000);
    expect(image(name).reference).toMatch(/@sha256:[0-9a-f]{64}$/);
    expect(lstatSync(image(name).archive).size).toBeGreaterThan(10_000_000);
  });

  test.each([...planes, 'nats-server'] as const)(
    '%s: no shell, no package manager, nothing to run but itself',
    (name) => {
      const root = image(name).rootfs;
      const runnable = files(root)
        .filter((one) => one.isFile() && (lstatSync(join(one.parentPath, one.name)).mode & 0o111) !== 0)
        .map((one) => pathOf(root, one))
        .filter((path) => !/\.so[.\d]*$/.test(path));
      expect(runnable).toEqual([name === 'nats-server' ? '/nats-server' : '/usr/local/bin/node']);
      expect(
        files(root).filter((one) => /^(ba|da|z)?sh$|^busybox$|^apt|^dpkg$/.test(one.name) && !one.isDirectory()),
      ).toEqual([]);
    },
  );

  test.each(all)('%s: user 65532 owns nothing and can write to /tmp alone', (name) => {
    const root = image(name).rootfs;
    const found = files(root).filter((one) => !one.isSymbolicLink());
    const stats = found.map((one) => ({ path: pathOf(root, one), ...lstatSync(join(one.parentPath, one.name)) }));
    expect(stats.filter(({ uid, gid }) => uid !== 0 || (gid !== 0 && gid === user))).toEqual([]);
    expect(stats.filter(({ mode }) => (mode & 0o002) !== 0).map(({ path }) => path)).toEqual(['/tmp']);
    expect(stats.filter(({ mode }) => (mode & 0o6000) !== 0 && (mode & 0o111) !== 0 && (mode & 0o40000) === 0)).toEqual(
      [],
    );
    if (name === 'gateway' || name === 'control-plane') {
      const write = (path: string) =>
        `try { require('fs').writeFileSync('${path}', ''); console.log('written') } catch (e) { console.log(e.code) }`;
      for (const path of ['/opt/portolan/x', '/etc/x', '/x', '/usr/local/bin/node'])
        expect(inside(name, '/usr/local/bin/node', '-e', write(path)).trim(), path).toMatch(/^E/);
    }
  });

  test('what is in them runs', () => {
    expect(inside('gateway', '/usr/local/bin/node', '/opt/portolan/gateway/main.js', '--help')).toContain(
      'usage: gateway',
    );
    expect(inside('control-plane', '/usr/local/bin/node', '/opt/portolan/control-plane/main.js', '--version')).toMatch(
      /^\d+\.\d+\.\d+\n$/,
    );
    expect(inside('nats-server', '/nats-server', '--version')).toContain('nats-server: v2.');
    expect(() => inside('gateway', '/usr/local/bin/node', '/opt/portolan/health.js', '1')).toThrow(
      /health: \/livez at port 1/,
    );
    const trusted = inside(
      'gateway',
      '/usr/local/bin/node',
      '-p',
      "require('tls').getCACertificates('system').length + ' ' + Intl.DateTimeFormat().resolvedOptions().timeZone",
    );
    expect(trusted).toMatch(/^[1-9]\d\d (Etc\/)?UTC\n$/);
  });

  test.each(planes)('%s: the SBOM names Node, the bundled packages and those of the base', (name) => {
    const sbom = JSON.parse(readFileSync(image(name).sbom, 'utf8'));
    expect(sbom.spdxVersion).toBe('SPDX-2.3');
    const packages: { name: string; versionInfo: string; externalRefs: { referenceLocator: string }[] }[] =
      sbom.packages;
    const versions = Object.fromEntries(packages.map((one) => [one.name, one.versionInfo]));
    const lock = JSON.parse(readFileSync(join(import.meta.dirname, '../../package-lock.json'), 'utf8')).packages;
    expect(versions.node).toBe(lock[`node_modules/node-linux-${process.arch}`].version);
    expect(versions.fastify).toBe(lock['node_modules/fastify'].version);
    for (const part of ['libc6', 'libstdc++6', 'ca-certificates', 'tzdata'])
      expect(versions[part], part).toMatch(/^\d/);
    expect(versions.openssl).toBeUndefined();
    const urls = packages.map((one) => one.externalRefs[0]?.referenceLocator);
    expect(urls).toContain(`pkg:npm/fastify@${versions.fastify}`);
  });

  test.each(planes)('%s: no secret, no source map, no path of the machine that built it', (name) => {
    const root = image(name).rootfs;
    const names = files(root).map((one) => pathOf(root, one));
    expect(names.filter((path) => /\.map$|\.npmrc|\.git|\.env$|\.key$|id_rsa|node_modules/.test(path))).toEqual([]);
    const texts = names.filter(
      (path) => /^\/(opt|etc|usr\/share\/sbom)\//.test(path) && lstatSync(join(root, path)).isFile(),
    );
    const machine = [join(import.meta.dirname, '../..'), process.env.HOME, dirname(image(name).archive)].filter(
      (one) => one && one !== '/' && one !== '/root',
    );
    for (const path of texts) {
      const text = readFileSync(join(root, path), 'utf8');
      expect(text.includes('sourceMappingURL='), path).toBe(false);
      expect(/-----BEGIN [A-Z ]*PRIVATE KEY-----\n[A-Za-z0-9+/]{20}/.test(text), path).toBe(false);
      for (const own of machine) expect(text.includes(own as string), `${own} in ${path}`).toBe(false);
    }
    expect(names).not.toContain('/etc/resolv.conf');
    expect(names).not.toContain('/etc/hostname');
  });
});

test('an SBOM is the same text for the same parts', () => {
  const args = { name: 'x', version: '1', parts: [{ name: 'a', version: '2', purl: 'pkg:npm/a@2' }], made: 0 };
  expect(sbomOf(args)).toBe(sbomOf(args));
  expect(sbomOf({ ...args, parts: [] })).not.toBe(sbomOf(args));
});
