// Runs a program in the background and keeps the end of what it prints. When the signal aborts, the program and all that
// it started are interrupted, killed where that does not end them, and waited for.

import { spawn } from 'node:child_process';

const kept = 64_000;
const graceMs = 5_000;

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd: string, env?: NodeJS.ProcessEnv, signal?: AbortSignal | undefined }} options
 * @returns {Promise<{ code: number, output: string }>} Rejects with the signal's reason, or where it cannot be started.
 */
export function runQuietly(command, args, { signal, ...options }) {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    // a group of its own, so that the compilers and scripts below it can be ended with it
    const child = spawn(command, [...args], { ...options, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    const end = () => endGroup(child);
    signal?.addEventListener('abort', end, { once: true });
    let output = '';
    const keep = (chunk) => {
      output = (output + chunk).slice(-kept);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', reject);
    child.on('close', (code, ended) => {
      signal?.removeEventListener('abort', end);
      if (signal?.aborted) reject(signal.reason);
      else resolve({ code: code ?? 1, output: ended ? `${output}\n(ended by ${ended})` : output });
    });
  });
}

/** @param {import('node:child_process').ChildProcess} child */
function endGroup(child) {
  const send = (name) => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, name);
    } catch (error) {
      if (error.code !== 'ESRCH') throw error; // it has ended
    }
  };
  send('SIGINT'); // what `go` and npm tidy up after
  const timer = setTimeout(send, graceMs, 'SIGKILL');
  child.once('close', () => clearTimeout(timer));
}
