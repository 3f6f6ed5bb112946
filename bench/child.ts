/** Starts a file of the bench as a process of its own, which tells when it is ready, and ends with its parent. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** Resolves with the child and its first message. Rejects when it exits before sending one. */
export async function startChild<Ready>(
  file: string,
  ...args: readonly string[]
): Promise<{ child: ChildProcess; pid: number; ready: Ready }> {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const child = fork(path, args, { serialization: 'advanced', stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const ended = once(child, 'exit').then(([code]) => Promise.reject(new Error(`${file} ended with ${code}`)));
  const [ready] = await Promise.race([once(child, 'message'), ended]);
  ended.catch(() => {}); // from here on its end is somebody's wish
  return { child, pid: child.pid ?? 0, ready: ready as Ready };
}

/** SIGTERM, and waits for the end. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}
