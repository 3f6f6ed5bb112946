/** Makes nats-server read its files again: SIGHUP to the process that it wrote down, in the process namespace that the pod's containers share. */
import { readFile } from 'node:fs/promises';
import { readIfThere } from '../keys/private-files.ts';

const NAME = 'nats-server';

/** Answers whether it was told; false while it does not run. Throws where the signal is not allowed. */
export async function reloadServer(pidFile: string): Promise<boolean> {
  const pid = Number(await readIfThere(pidFile));
  if (!Number.isInteger(pid) || pid <= 1 || !(await isServer(pid))) return false;
  try {
    process.kill(pid, 'SIGHUP');
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw new Error(
      `nats-server (process ${pid}) cannot be told to read its files again. Expected the same user as here and shareProcessNamespace: true.`,
      { cause },
    );
  }
}

/** The number may be another process's by now. */
async function isServer(pid: number): Promise<boolean> {
  const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '');
  return name.trim() === NAME;
}
