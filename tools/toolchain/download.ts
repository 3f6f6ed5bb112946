// The official download: archive or program, checked against the vendor's SHA-256 sums; an archive is unpacked by the
// system's tar. The list comes over the same HTTPS origin, so it guards against damage, not against a stolen vendor account.
// A closed network is noticed within seconds.

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { chmod, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import type { Release } from './tools.ts';

const run = promisify(execFile);

const answerWithinMs = 5_000;
const wholeWithinMs = 10 * 60_000;

/** Fills `folder` with the release's members. Throws an Error that says what went wrong, in one sentence. */
export async function download(release: Release, folder: string, signal?: AbortSignal): Promise<void> {
  const wanted = checksumOf(await (await get(release.checksumsUrl, signal)).text(), release.file);
  const archive = join(folder, release.file);
  const found = await save(await get(release.url, signal), archive);
  if (found !== wanted)
    throw new Error(`SHA-256 of ${release.url} is ${found}, but ${release.checksumsUrl} says ${wanted}`);
  if (release.members === undefined) return chmod(archive, 0o755);
  await unpack(archive, release.members, folder);
  await rm(archive);
}

/** The sum of `file` in lines of "<sha256>  <file>", or the only thing there is. */
export function checksumOf(list: string, file: string): string {
  if (/^[0-9a-f]{64}$/i.test(list.trim())) return list.trim().toLowerCase();
  const line = list.split('\n').find((entry) => entry.trim().split(/\s+\*?/)[1] === file);
  const sum = line?.trim().split(/\s+/)[0]?.toLowerCase();
  if (sum === undefined || !/^[0-9a-f]{64}$/.test(sum))
    throw new Error(`the vendor's checksums name no SHA-256 for ${file}`);
  return sum;
}

async function get(url: string, interrupted?: AbortSignal): Promise<Response> {
  const answered = new AbortController();
  const timer = setTimeout(
    () => answered.abort(new Error(`no answer within ${answerWithinMs / 1000} s`)),
    answerWithinMs,
  );
  try {
    const ends = [answered.signal, AbortSignal.timeout(wholeWithinMs), ...(interrupted ? [interrupted] : [])];
    const signal = AbortSignal.any(ends);
    const response = await fetch(url, { signal });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    return response;
  } catch (error) {
    throw new Error(`${url}: ${reason(error)}`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

async function save(response: Response, path: string): Promise<string> {
  if (response.body === null) throw new Error(`${response.url}: empty answer`);
  const hash = createHash('sha256');
  const through = async function* (chunks: AsyncIterable<Uint8Array>) {
    for await (const chunk of chunks) {
      hash.update(chunk);
      yield chunk;
    }
  };
  await pipeline(Readable.fromWeb(response.body), through, createWriteStream(path));
  return hash.digest('hex');
}

async function unpack(archive: string, members: readonly string[], folder: string): Promise<void> {
  await run('tar', ['-xzf', archive, '-C', folder, ...members]);
  for (const member of members) await rename(join(folder, member), join(folder, `.${basename(member)}`));
  for (const top of new Set(members.map((member) => member.split('/')[0] ?? member))) {
    await rm(join(folder, top), { recursive: true, force: true });
  }
  for (const member of members) await rename(join(folder, `.${basename(member)}`), join(folder, basename(member)));
}

function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error && error.cause.message !== '' ? error.cause.message : error.message;
}
