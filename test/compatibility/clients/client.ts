/**
 * What the matrix needs of a client: to connect, to list, to call. How that is done is the client's own file; what is demanded
 * of it is perform.ts, the same for all. Invariant: a session that is closed leaves no process behind.
 */

export interface Address {
  readonly url: string;
  /** Bearer token; absent where the client goes to the server directly. */
  readonly token: string | undefined;
  /** Aborted when the time is up: whoever has a process of its own ends it. */
  readonly signal: AbortSignal;
}

/** What the client hears from the server, and answers. */
export interface Ears {
  /** A `notifications/message` came. */
  logged(): void;
  /** The client was asked to fill in a form, which it accepts with `form`. */
  elicited(): void;
  /** The client was asked for a completion, which is `completion`. */
  sampled(): void;
  readonly form: Record<string, string>;
  readonly completion: string;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** Called for each progress notification of this call. */
  readonly progressed?: () => void;
}

export interface Session {
  /** The protocol version that was agreed. */
  readonly protocol: string;
  /** Names of tools, of every page. */
  list(): Promise<readonly string[]>;
  /** The text blocks of the result, one after the other. Rejects for errors of every kind, `isError` among them. */
  call(tool: string, args: Readonly<Record<string, unknown>>, options?: CallOptions): Promise<string>;
  close(): Promise<void>;
}

export interface Client {
  /** As in the table. */
  readonly name: string;
  readonly version: string;
  /** One sentence for the page: how it is driven. */
  readonly about: string;
  /** Whether its user is told of progress; one who is not learns from the server's side that a call is under way. */
  readonly showsProgress: boolean;
  connect(at: Address, ears: Ears): Promise<Session>;
}
