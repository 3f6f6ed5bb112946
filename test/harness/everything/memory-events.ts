/** What one session has sent, in order, so that a stream that broke goes on from the event that its client saw last. */
import { randomUUID } from 'node:crypto';
import type { EventStore, JSONRPCMessage } from '@modelcontextprotocol/server';

interface Kept {
  readonly id: string;
  readonly stream: string;
  readonly message: JSONRPCMessage;
}

export class MemoryEvents implements EventStore {
  readonly #kept: Kept[] = [];

  async storeEvent(stream: string, message: JSONRPCMessage): Promise<string> {
    const id = `${stream}_${this.#kept.length}_${randomUUID().slice(0, 8)}`;
    this.#kept.push({ id, stream, message });
    return id;
  }

  async getStreamIdForEventId(id: string): Promise<string | undefined> {
    return this.#kept.find((event) => event.id === id)?.stream;
  }

  async replayEventsAfter(
    last: string,
    { send }: { send: (id: string, message: JSONRPCMessage) => Promise<void> },
  ): Promise<string> {
    const at = this.#kept.findIndex((event) => event.id === last);
    const stream = this.#kept[at]?.stream;
    if (stream === undefined) throw new Error('unknown event id');
    for (const event of this.#kept.slice(at + 1)) {
      const primes = Object.keys(event.message).length === 0;
      if (event.stream === stream && !primes) await send(event.id, event.message);
    }
    return stream;
  }
}
