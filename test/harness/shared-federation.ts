/**
 * One federation for all of test/security: vitest starts it before the first file and takes it down after the last.
 * Attacks must leave it as they found it; an attack that has to break it starts its own.
 */
import type { TestProject } from 'vitest/node';
import { Federation, startFederation } from './federation.ts';

declare module 'vitest' {
  interface ProvidedContext {
    federation: { readonly stack: string; readonly portBase: number };
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const federation = await startFederation('security');
  project.provide('federation', { stack: federation.stack, portBase: federation.portBase });
  return async () => {
    await federation[Symbol.asyncDispose]();
  };
}

/** The shared federation, as a test file sees it. */
export async function sharedFederation(given: {
  readonly stack: string;
  readonly portBase: number;
}): Promise<Federation> {
  const federation = new Federation(given.stack, given.portBase);
  await federation.load();
  return federation;
}
