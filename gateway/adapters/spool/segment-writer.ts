/**
 * Appends bytes to the newest segment file. One write at a time; fdatasync follows in groups and nobody waits for it.
 * Invariant: after a failed or short write the file is cut back before anything else is written, so a record is there whole or not at all.
 */
import { close, fdatasync, ftruncate, open, write } from 'node:fs';
import { open as openFolder } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';

const openFile = promisify(open);
const closeFile = promisify(close);
const truncateFile = promisify(ftruncate);
const syncFile = promisify(fdatasync);
/** A power cut may lose what was written in this span; a kill of the process loses nothing. */
const SYNC_EVERY_MS = 100;

export class SegmentWriter {
  readonly #fd: number;
  readonly #onSyncError: (error: unknown) => void;
  #length = 0;
  #tornTail = false;
  #syncTimer: NodeJS.Timeout | undefined;
  #syncing: Promise<void> = Promise.resolve();

  private constructor(fd: number, onSyncError: (error: unknown) => void) {
    this.#fd = fd;
    this.#onSyncError = onSyncError;
  }

  /** Makes the file, which must not exist. */
  static async create(path: string, onSyncError: (error: unknown) => void): Promise<SegmentWriter> {
    const fd = await openFile(path, 'wx', 0o600);
    try {
      await syncFolder(dirname(path));
      return new SegmentWriter(fd, onSyncError);
    } catch (error) {
      await closeFile(fd);
      throw error;
    }
  }

  /** Resolves when all of `[0, length)` is in the operating system's hands; else rejects and nothing of it is there. */
  async append(bytes: Buffer, length: number): Promise<void> {
    if (this.#tornTail) await this.#cutBack();
    try {
      let done = 0;
      // a full disk first answers with a short write, and with ENOSPC only then
      while (done < length) done += await writeOnce(this.#fd, bytes.subarray(done, length), this.#length + done);
    } catch (error) {
      this.#tornTail = true;
      await this.#cutBack().catch(() => undefined); // tried again before the next write
      throw error;
    }
    this.#length += length;
    this.#syncTimer ??= setTimeout(() => void this.#sync(), SYNC_EVERY_MS).unref();
  }

  async close(): Promise<void> {
    clearTimeout(this.#syncTimer);
    await this.#syncing;
    await this.#sync();
    await closeFile(this.#fd);
  }

  async #cutBack(): Promise<void> {
    await truncateFile(this.#fd, this.#length);
    this.#tornTail = false;
  }

  #sync(): Promise<void> {
    this.#syncTimer = undefined;
    this.#syncing = syncFile(this.#fd).catch(this.#onSyncError);
    return this.#syncing;
  }
}

function writeOnce(fd: number, bytes: Buffer, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, bytes, 0, bytes.length, position, (error, written) => {
      if (error) reject(error);
      else if (written === 0) reject(new Error('the file system took no byte'));
      else resolve(written);
    });
  });
}

async function syncFolder(path: string): Promise<void> {
  const folder = await openFolder(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
