/** What the matrix needs to know of a server: how to start it, and which of its tools show what. */

export interface Tool {
  readonly name: string;
  readonly args: Readonly<Record<string, unknown>>;
  /** Stands in the text of the result. */
  readonly says: string;
}

/** A process that listens on 127.0.0.1. */
export interface Running extends AsyncDisposable {
  readonly url: string;
}

export interface Server {
  /** As in the headings of the page. */
  readonly name: string;
  readonly version: string;
  /** One sentence for the page. */
  readonly about: string;
  start(): Promise<Running>;
  readonly tools: {
    readonly echo: Tool;
    /** Sends a log message. */
    readonly log: Tool;
    /** Sends progress at once. */
    readonly progress: Tool;
    /** Sends progress at once and a minute later is still at work. */
    readonly endless: Tool;
    /** Sends progress at once and is done within four seconds. */
    readonly slow: Tool;
    readonly elicit: Tool;
    readonly sample: Tool;
  };
  /** The form that its elicitation wants; `says` of `elicit` holds a value of it. */
  readonly form: Readonly<Record<string, string>>;
}
