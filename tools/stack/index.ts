// The door of a stack on this machine: where it lies, its CLI, its settings, its lock.

export { cancelAbandonedLock, type LockHolder, lockHolders, StackBusy } from './abandoned-lock.ts';
export { type Pulumi, pulumiEnvironment, pulumiFor, withSettingsFile } from './environment.ts';
export { pendingCreates } from './pending-creates.ts';
export { checkout, placeIn, type StackPlace, stackPlace, standInsPlace } from './place.ts';
export { replaceFile } from './replace-file.ts';
export { configureStack, createStack, hasStack, readConfig, replaceConfig, stateFile } from './settings.ts';
export { stackOutputs } from './stack-outputs.ts';
