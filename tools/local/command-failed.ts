/** A command that cannot go on, for a reason that the person at the terminal can do something about. */
export class CommandFailed extends Error {
  readonly exitCode: number;

  /** @param exitCode 1: it failed; 2: it was called wrongly. */
  constructor(message: string, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}
