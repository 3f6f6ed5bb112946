// Why the engine did not finish, for the person at the terminal: what went wrong, where in their own code, and what to do
// about it. Pure.

import { CommandFailed } from './command-failed.ts';
import type { EngineNews } from './engine-events.ts';

/** The message is the causes, and what to do about them. */
export class EngineFailed extends CommandFailed {
  readonly causes: string;

  constructor(causes: string, advice: string) {
    super(`${causes}\n\n${advice}`);
    this.causes = causes;
  }
}

/** What the engine says beside every error of a resource. */
const echo = /^(update|destroy|refresh) failed$/;

/**
 * @param output The engine's own output, told where its events hold no error; empty when it was shown already.
 * @param checkout Absolute; paths below it are told relative to it.
 */
export function engineFailure(news: readonly EngineNews[], output: string, checkout: string): EngineFailed {
  const texts = news.filter((one) => one.kind === 'error').map(({ text }) => programError(text.trimEnd(), checkout));
  const errors = [...new Set(texts)];
  const causes = errors.filter((text) => !echo.test(text));
  const told = causes.length > 0 ? causes : errors.length > 0 ? errors : [output.trim()];
  const begun = news.some((one) => one.kind === 'step');
  const advice = begun
    ? 'Pulumi did not finish; what is done stays done, and running this again goes on from here.'
    : 'Nothing was changed. Correct this, then run the command again.';
  return new EngineFailed(told.join('\n'), advice);
}

/** An exception of the program as its author wants it: the error, and the places in this checkout that led to it. */
export function programError(text: string, checkout: string): string {
  const [, thrown] = /^Running program '.*' failed with an unhandled exception:\n([\s\S]*)$/.exec(text) ?? [];
  if (thrown === undefined) return text;
  const lines = thrown.replace(/^<ref \*\d+> /, '').split('\n');
  const first = lines.findIndex(isFrame);
  if (first === -1) return `The stack's program failed:\n${relative(thrown, checkout)}`;
  const frames = lines.slice(first).filter(isFrame); // what follows them is Node's picture of the error object
  const entry = frames.findIndex((line) => line.includes('/stacks/index.ts:'));
  const own = frames.slice(0, entry === -1 ? undefined : entry).filter((line) => isOwn(line, checkout));
  const shown = own.length > 0 ? own : frames;
  return `The stack's program failed:\n${relative([...lines.slice(0, first), ...shown].join('\n'), checkout)}`;
}

const isFrame = (line: string): boolean => /^\s+at /.test(line);

const isOwn = (line: string, checkout: string): boolean =>
  line.includes(`${checkout}/`) && !line.includes('/node_modules/');

const relative = (text: string, checkout: string): string =>
  text.replaceAll(`file://${checkout}/`, '').replaceAll(`${checkout}/`, '');
