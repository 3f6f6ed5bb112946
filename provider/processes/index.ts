/** The door of local processes: start, end, restart, and see. */
export { endProcess } from './end-process.ts';
export { isAlive, type RunFile, readRunFile, removeRunFile, writeWhole } from './run-file.ts';
export { ProcessSpec } from './spec.ts';
export { ProcessFailed, restartProcess, startProcess } from './start-process.ts';
