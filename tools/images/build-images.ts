// Images of the planes and of what they stand on, made without a container engine and kept in the cache of this user by
// content: ${XDG_CACHE_HOME:-~/.cache}/portolan/images/<name>-<key>/{image.json,image.tar,rootfs/,sbom.spdx.json}.
// Invariant: a folder of that name is whole, because it appears by rename.

import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { withLock } from '../start/lock.mjs';
import { progress } from '../start/progress.mjs';
import { Buildah, type ImageConfig } from './buildah.ts';
import { type Context, contextOf, hashOf, type ImageName, nodePackage } from './context.ts';
import { baseRecipe, makeBase } from './debian-root.ts';
import { ImagesImpossible, whyNoImages } from './programs.ts';
import { run } from './run.ts';

export interface Image {
  readonly name: ImageName;
  /** `portolan.local/<name>@<digest>` */
  readonly reference: string;
  /** `sha256:…` of the manifest in local storage; a registry that compresses layers has another. */
  readonly digest: string;
  /** Bytes of all files, unpacked. */
  readonly size: number;
  readonly config: ImageConfig;
  /** Absolute paths. The file system must not be written to: all runs share it. */
  readonly rootfs: string;
  readonly archive: string;
  readonly sbom: string;
}

const unusedMs = 14 * 24 * 3_600_000;

export const imageNames: readonly ImageName[] = ['gateway', 'control-plane', 'nats-server', 'postgres'];

/**
 * Builds what the cache has not: a minute or two at first, seconds afterwards. Throws ImagesImpossible where this machine
 * cannot, an Error where a build fails.
 */
export async function buildImages<Name extends ImageName>(
  checkout: string,
  names: readonly Name[],
  signal?: AbortSignal,
): Promise<Record<Name, Image>> {
  const contexts = await Promise.all(
    names.map(async (name) => [name, await contextOf(checkout, name, signal)] as const),
  );
  const base = join(cacheRoot(), `base-${hashOf([baseRecipe, process.arch])}`);
  const places = contexts.map(([name, context]) => ({
    name,
    context,
    folder: join(cacheRoot(), `${name}-${hashOf([base, context.key])}`),
  }));
  const isMissing = ({ folder }: Place) => !existsSync(join(folder, 'image.json'));
  if (places.some(isMissing)) {
    const why = whyNoImages();
    if (why !== undefined) throw new ImagesImpossible(why);
    mkdirSync(cacheRoot(), { recursive: true });
    const waiting = (pid: number) => process.stderr.write(`Process ${pid} is building images; waiting for it.\n`);
    const work = () => buildMissing(checkout, base, places.filter(isMissing), signal);
    await withLock(join(cacheRoot(), 'build.lock'), work, waiting, signal);
  }
  return Object.fromEntries(places.map(({ name, folder }) => [name, read(folder)])) as Record<Name, Image>;
}

interface Place {
  readonly name: ImageName;
  readonly context: Context;
  readonly folder: string;
}

function cacheRoot(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'portolan', 'images');
}

async function buildMissing(
  checkout: string,
  base: string,
  places: readonly Place[],
  signal?: AbortSignal,
): Promise<void> {
  const work = mkdtempSync(join(cacheRoot(), '.work-'));
  const shown = progress(`Building images: ${places.map(({ name }) => name).join(', ')}`);
  try {
    if (!existsSync(base)) await makeBaseOnce(base, work, signal);
    utimesSync(base, new Date(), new Date());
    const buildah = new Buildah(work, signal);
    const baseId = await importFolder(buildah, work, 'base', join(base, 'rootfs'), 'FROM scratch\nCOPY content/ /\n');
    const needsBuilder = places.some(({ context }) => context.usesBuilder);
    const builderId = needsBuilder ? await makeBuilder(buildah, work, checkout, baseId) : undefined;
    for (const place of places) await buildOne({ buildah, work, base, baseId, builderId }, place);
    dropUnused();
    shown.done();
  } finally {
    shown.stop();
    rmSync(work, { recursive: true, force: true });
  }
}

async function makeBaseOnce(base: string, work: string, signal?: AbortSignal): Promise<void> {
  const draft = join(work, 'base-draft');
  mkdirSync(draft);
  await makeBase(draft, signal).catch((error: Error) => {
    signal?.throwIfAborted();
    throw new ImagesImpossible(
      `The base of the images could not be made from Debian's packages. It needs Debian's mirror once; afterwards it is kept in the cache.\n${error.message}`,
      { cause: error },
    );
  });
  renameSync(draft, base);
}

function makeBuilder(buildah: Buildah, work: string, checkout: string, baseId: string): Promise<string> {
  const node = join(nodePackage(checkout), 'bin');
  return importFolder(buildah, work, 'builder', node, `FROM ${baseId}\nCOPY content/node /usr/local/bin/node\n`);
}

async function importFolder(
  buildah: Buildah,
  work: string,
  name: string,
  content: string,
  dockerfile: string,
): Promise<string> {
  const context = join(work, `${name}-context`);
  mkdirSync(context);
  await run('cp', ['-a', content, join(context, 'content')]);
  writeFileSync(join(work, `${name}.Dockerfile`), dockerfile);
  return buildah.build({ dockerfile: join(work, `${name}.Dockerfile`), context });
}

interface Making {
  readonly buildah: Buildah;
  readonly work: string;
  readonly base: string;
  readonly baseId: string;
  readonly builderId: string | undefined;
}

async function buildOne(
  { buildah, work, base, baseId, builderId }: Making,
  { name, context, folder }: Place,
): Promise<void> {
  if (existsSync(folder)) return; // by the run that had the lock
  const [source, draft] = [join(work, `${name}-context`), join(work, `${name}-draft`)];
  for (const made of [source, draft]) mkdirSync(made, { mode: 0o755 });
  context.fill(source, base);
  const args = { BASE: baseId, ...(builderId && context.usesBuilder && { BUILDER: builderId }) };
  const id = await buildah.build({ dockerfile: context.dockerfile, context: source, args });
  const { digest, config } = await buildah.inspect(id);
  await buildah.unpack(id, join(draft, 'rootfs'));
  await buildah.save(id, join(draft, 'image.tar'), `portolan.local/${name}:built`);
  symlinkSync(join('rootfs', 'usr/share/sbom', `${name}.spdx.json`), join(draft, 'sbom.spdx.json'));
  const reference = `portolan.local/${name}@${digest}`;
  const image = { name, reference, digest, size: sizeOf(join(draft, 'rootfs')), config };
  writeFileSync(join(draft, 'image.json'), JSON.stringify(image, null, 1));
  renameSync(draft, folder);
}

/** What no run has asked for in a fortnight; a node that runs for that long would keep its files open. */
function dropUnused(): void {
  for (const entry of readdirSync(cacheRoot()).filter((one) => /^[a-z-]+-[0-9a-f]{24}$/.test(one))) {
    const folder = join(cacheRoot(), entry);
    if (Date.now() - lstatSync(folder).mtimeMs > unusedMs) rmSync(folder, { recursive: true, force: true });
  }
}

function sizeOf(folder: string): number {
  const files = readdirSync(folder, { withFileTypes: true, recursive: true }).filter((one) => one.isFile());
  return files.reduce((sum, one) => sum + lstatSync(join(one.parentPath, one.name)).size, 0);
}

function read(folder: string): Image {
  utimesSync(folder, new Date(), new Date());
  const known: Omit<Image, 'rootfs' | 'archive' | 'sbom'> = JSON.parse(
    readFileSync(join(folder, 'image.json'), 'utf8'),
  );
  return {
    ...known,
    rootfs: join(folder, 'rootfs'),
    archive: join(folder, 'image.tar'),
    sbom: join(folder, 'sbom.spdx.json'),
  };
}
