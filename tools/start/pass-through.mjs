// Runs a program in the foreground as if it were this process: its streams are ours, signals reach it, its exit code
// is returned.

import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { onAsked } from './interrupt.mjs';

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ env?: NodeJS.ProcessEnv, cwd?: string, detached?: boolean }} [options]
 * @returns {Promise<number>} The exit code; 128 + its number after a signal.
 */
export function passThrough(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...args], { stdio: 'inherit', ...options });
    const stopPassing = passSignals(child);
    child.on('error', (error) => {
      stopPassing();
      reject(error);
    });
    child.on('exit', (code, signal) => {
      stopPassing();
      resolve(signal ? 128 + constants.signals[signal] : (code ?? 1));
    });
  });
}

/**
 * Ctrl-C on a terminal reaches the child by itself; a second one would make Pulumi stop without tidying up.
 *
 * @param {import('node:child_process').ChildProcess} child
 */
function passSignals(child) {
  const onTerminal = process.stdin.isTTY === true;
  return onAsked((signal) => {
    if (signal !== 'SIGINT' || !onTerminal) child.kill(signal);
  });
}
