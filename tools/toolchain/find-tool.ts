// Finds a program that npm does not carry. Ways, in this order: a path by environment, the cache, PATH, the official
// download, a pinned build from Go modules. A way that fails says why; the sum of it is the message when all fail.
// Invariant: what is returned has been run and said a sufficient version.

import { access, constants, realpath } from 'node:fs/promises';
import { delimiter, dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { progress } from '../start/progress.mjs';
import { build } from './build.ts';
import { type CachePlace, cachePlace, publish, underCacheLock } from './cache.ts';
import { download } from './download.ts';
import { type Tool, type ToolName, tools } from './tools.ts';
import { askVersion, suffices, sufficientRange } from './version.ts';

export type ToolSource = 'environment' | 'cache' | 'PATH' | 'download' | 'build';

export interface FoundTool {
  /** Absolute path of the program. */
  readonly path: string;
  /** "x.y.z" */
  readonly version: string;
  readonly source: ToolSource;
}

export interface FindOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** The tools that exist; tests give their own. */
  readonly catalogue?: Readonly<Record<ToolName, Tool>>;
  /** Folder that holds <module>/go.mod. */
  readonly modules?: string;
  /** Ends a download or a build, which leaves nothing behind then; its reason is thrown. */
  readonly signal?: AbortSignal;
}

/** No way led to the tool, or the one that was demanded is wrong. The message is for the person at the terminal. */
export class ToolMissing extends Error {}

interface Search {
  readonly tool: Tool;
  readonly env: NodeJS.ProcessEnv;
  readonly moduleFolder: string;
  readonly place: CachePlace;
  readonly signal: AbortSignal | undefined;
  /** One line a way that failed. */
  readonly tried: string[];
}

/** Finds or makes `name`; takes minutes when it must be built. Throws ToolMissing. */
export async function findTool(name: ToolName, options: FindOptions = {}): Promise<FoundTool> {
  const env = options.env ?? process.env;
  const tool = (options.catalogue ?? tools)[name];
  const moduleFolder = join(options.modules ?? dirname(import.meta.dirname), tool.module);
  const demanded = env[tool.variable];
  if (demanded) return fromEnvironment(tool, demanded, env);
  const place = await cachePlace(tool, moduleFolder, env);
  const search: Search = { tool, env, moduleFolder, place, signal: options.signal, tried: [] };
  return (await fromCache(search)) ?? (await fromPath(search)) ?? (await make(search)) ?? giveUp(search);
}

async function fromEnvironment(tool: Tool, path: string, env: NodeJS.ProcessEnv): Promise<FoundTool> {
  const refuse = (why: string): never => {
    throw new ToolMissing(
      `${tool.variable}=${path}: ${why}. Expected ${tool.name} ${sufficientRange(tool.version)}. Set ${tool.variable} to such a program, or unset it.`,
    );
  };
  const version = await askVersion(tool, path, env).catch((error: unknown) =>
    refuse(`it cannot be run: ${reason(error)}`),
  );
  if (!suffices(version, tool.version)) return refuse(`it is version ${version}`);
  return { path, version, source: 'environment' };
}

async function fromCache(search: Search, source: ToolSource = 'cache'): Promise<FoundTool | undefined> {
  const { place, tried } = search;
  if (!(await isExecutable(place.program))) {
    tried.push(`cache (${place.folder}): empty`);
    return undefined;
  }
  const version = await ask(search, place.program, `cache (${place.program})`);
  return version === undefined ? undefined : { path: place.program, version, source };
}

async function fromPath(search: Search): Promise<FoundTool | undefined> {
  const { tool, env, tried } = search;
  const path = await onPath(tool.name, env.PATH ?? '');
  if (path === undefined) {
    tried.push(`PATH: no ${tool.name}`);
    return undefined;
  }
  const version = await ask(search, path, `PATH (${path})`);
  return version === undefined ? undefined : { path, version, source: 'PATH' };
}

async function make(search: Search): Promise<FoundTool | undefined> {
  const work = async () => {
    const meanwhile = await fromCache({ ...search, tried: [] });
    return meanwhile ?? (await byDownload(search)) ?? (await byBuild(search));
  };
  return underCacheLock(search.place, work, search.signal);
}

async function byDownload(search: Search): Promise<FoundTool | undefined> {
  const { tool, place } = search;
  const release = tool.release(process.platform, process.arch);
  if (release === undefined) {
    search.tried.push(`download: no official build with a sum for ${process.platform}-${process.arch}`);
    return undefined;
  }
  const fill = () => publish(place, (folder) => download(release, folder, search.signal));
  return attempt(search, 'download', `Downloading ${tool.name} ${tool.version}`, fill);
}

async function byBuild(search: Search): Promise<FoundTool | undefined> {
  const { tool, place, moduleFolder } = search;
  const fill = () =>
    publish(place, (folder) => build(tool, { moduleFolder, folder, env: search.env, signal: search.signal }));
  return attempt(
    search,
    'build',
    `Building ${tool.name} ${tool.version} from Go modules (5 to 20 minutes on two cores, once; kept in the cache)`,
    fill,
  );
}

async function attempt(search: Search, source: 'download' | 'build', what: string, fill: () => Promise<void>) {
  const shown = progress(what);
  try {
    await fill();
    const found = await fromCache(search, source);
    shown.done(found === undefined ? 'what came does not work' : 'done');
    return found;
  } catch (error) {
    if (search.signal?.aborted) {
      shown.stop();
      throw search.signal.reason;
    }
    shown.done('not possible here');
    search.tried.push(`${source}: ${reason(error)}`);
    return undefined;
  }
}

function giveUp({ tool, tried }: Search): never {
  const lines = [
    `No ${tool.name} ${sufficientRange(tool.version)}. Tried, in this order:`,
    `  - ${tool.variable}: not set`,
  ];
  throw new ToolMissing([...lines, ...tried.map((line) => `  - ${line}`), tool.byHand].join('\n'));
}

async function ask({ tool, env, tried }: Search, path: string, where: string): Promise<string | undefined> {
  try {
    const version = await askVersion(tool, path, env);
    if (suffices(version, tool.version)) return version;
    tried.push(`${where}: version ${version}, expected ${sufficientRange(tool.version)}`);
  } catch (error) {
    tried.push(`${where}: does not run: ${reason(error)}`);
  }
  return undefined;
}

/** node_modules/.bin holds our own `pulumi`, which would end up here again. */
async function onPath(name: string, path: string): Promise<string | undefined> {
  const ours = dirname(dirname(fileURLToPath(import.meta.url)));
  for (const folder of path.split(delimiter).filter((entry) => entry !== '')) {
    const candidate = join(folder, name);
    if (!(await isExecutable(candidate))) continue;
    const real = await realpath(candidate);
    const isScript = folder.endsWith(`${sep}.bin`) || real.startsWith(`${ours}${sep}`) || /\.m?js$/.test(real);
    if (!isScript) return candidate;
  }
  return undefined;
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
