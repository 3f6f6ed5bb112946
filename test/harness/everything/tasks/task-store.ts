/**
 * Tasks of SEP-2663 (`io.modelcontextprotocol/tasks`), which the SDK's server does not have. A task works on behind the call that
 * made it, may wait for answers of the client, and ends as completed, failed or cancelled; it can be read for as long as its TTL says.
 */
import { randomUUID } from 'node:crypto';
import type { InputRequest } from '@modelcontextprotocol/server';
import { ProtocolError, ProtocolErrorCode } from '@modelcontextprotocol/server';

export type TaskStatus = 'working' | 'input_required' | 'completed' | 'failed' | 'cancelled';

/** What the work of a task may ask for. Rejects when the task is cancelled. */
export interface TaskAsks {
  readonly signal: AbortSignal;
  /** Waits until each has been answered by `tasks/update`. */
  input(requests: Readonly<Record<string, InputRequest>>): Promise<Record<string, unknown>>;
}
type Work = (asks: TaskAsks) => Promise<object>;

const TTL_MS = 300_000;
const POLL_MS = 100;

class Task {
  readonly id = randomUUID();
  readonly #cancel = new AbortController();
  readonly #createdAt = new Date().toISOString();
  #touched = this.#createdAt;
  #status: TaskStatus = 'working';
  #outcome: object = {};
  #pending = new Map<string, InputRequest>();
  #answers: Record<string, unknown> = {};
  #answered: (() => void) | undefined;

  get head(): Record<string, unknown> {
    return {
      taskId: this.id,
      status: this.#status,
      createdAt: this.#createdAt,
      lastUpdatedAt: this.#touched,
      ttlMs: TTL_MS,
      pollIntervalMs: POLL_MS,
    };
  }

  /** As `tasks/get` says it. */
  get detail(): Record<string, unknown> {
    const inputRequests = this.#pending.size > 0 && { inputRequests: Object.fromEntries(this.#pending) };
    return { ...this.head, ...inputRequests, ...this.#outcome };
  }

  async run(work: Work): Promise<void> {
    try {
      const result = await work({ signal: this.#cancel.signal, input: (requests) => this.#input(requests) });
      this.#become('completed', { result });
    } catch (error) {
      const code = error instanceof ProtocolError ? error.code : ProtocolErrorCode.InternalError;
      this.#become('failed', { error: { code, message: error instanceof Error ? error.message : String(error) } });
    }
  }

  async #input(requests: Readonly<Record<string, InputRequest>>): Promise<Record<string, unknown>> {
    this.#pending = new Map(Object.entries(requests));
    this.#answers = {};
    this.#become('input_required');
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#answered = resolve;
    const { signal } = this.#cancel;
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    await promise;
    this.#become('working');
    return this.#answers;
  }

  /** Keys that nobody has asked for are ignored. */
  answer(responses: Readonly<Record<string, unknown>>): void {
    for (const [key, response] of Object.entries(responses)) {
      if (this.#pending.delete(key)) this.#answers[key] = response;
    }
    if (this.#status === 'input_required' && this.#pending.size === 0) this.#answered?.();
  }

  cancel(): void {
    this.#become('cancelled');
    this.#cancel.abort(new Error('cancelled'));
  }

  /** What has ended stays as it is. */
  #become(status: TaskStatus, outcome: object = {}): void {
    if (['completed', 'failed', 'cancelled'].includes(this.#status)) return;
    this.#status = status;
    this.#outcome = outcome;
    this.#touched = new Date().toISOString();
    if (status === 'cancelled') this.#pending.clear();
  }
}

export class TaskStore {
  readonly #tasks = new Map<string, Task>();

  /** The result of the call that makes a task: readable by its id from now on. */
  create(work: Work): Record<string, unknown> {
    const task = new Task();
    this.#tasks.set(task.id, task);
    setTimeout(() => this.#tasks.delete(task.id), TTL_MS).unref();
    void task.run(work);
    return { resultType: 'task', ...task.head };
  }

  find(id: string): Task {
    const task = this.#tasks.get(id);
    if (!task) throw new ProtocolError(ProtocolErrorCode.InvalidParams, 'Unknown task');
    return task;
  }
}
