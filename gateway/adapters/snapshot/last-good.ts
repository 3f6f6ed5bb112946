/**
 * The last good snapshot on disk, and the one before it: with them a gateway starts and serves while NATS and control plane are dead.
 * The document lies there as it was signed, so that a corrupt file is found as a forged one is. Secrets in it are sealed to our key.
 */
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { readIfThere, replaceFile } from '../replace-file.ts';

const StoredSnapshot = z.object({
  /** Compact JWS. */
  jws: z.string(),
  /** JWKs with which it was verified; they may have been replaced since. */
  keys: z.array(z.record(z.string(), z.unknown())),
  /** Which mesh it is of; a snapshot of another is not applied, whatever its names. */
  meshRootSha256: z.string(),
  /** SHA-256 (hex) → base64. */
  parts: z.record(z.string(), z.string()),
});
export type StoredSnapshot = Readonly<z.infer<typeof StoredSnapshot>>;

const files = (folder: string): readonly [last: string, previous: string] => [
  join(folder, 'snapshot.json'),
  join(folder, 'snapshot.previous.json'),
];

export async function storeSnapshot(folder: string, snapshot: StoredSnapshot): Promise<void> {
  const [last, previous] = files(folder);
  const content = JSON.stringify(snapshot);
  await rename(last, previous).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  await replaceFile(last, content);
}

export interface FoundSnapshot {
  readonly path: string;
  readonly stored: StoredSnapshot | undefined;
}

/** What lies there, newest first; `stored` is undefined where a file is not even of the form. */
export async function* storedSnapshots(folder: string): AsyncGenerator<FoundSnapshot> {
  for (const path of files(folder)) {
    // what cannot be read is as good as corrupt: neither may keep the gateway from starting
    const text = await readIfThere(path).catch(() => '');
    if (text !== undefined) yield { path, stored: readStored(text) };
  }
}

function readStored(text: string): StoredSnapshot | undefined {
  try {
    return StoredSnapshot.parse(JSON.parse(text));
  } catch {
    return undefined; // the caller says so, with the path
  }
}
