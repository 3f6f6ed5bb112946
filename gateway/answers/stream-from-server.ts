/**
 * A stream that a server keeps open to say what happens: legacy GET, or `subscriptions/listen`. Where it says that it announces changes of a list, and
 * a snapshot changes what this caller sees of that list, the notice is given here, as the server would have given it.
 * The handling gateway does this: it alone opens what the session id says of the server, and hears its acknowledgement first.
 * Invariant: no notice of a kind that the server has not declared, and the client, where it is asked, not asked for.
 */
import { acknowledgedKinds, type ListKinds, requestedKinds } from '@portolan/core';
import type { Armed, Gateway, Reply } from '../context.ts';
import type { Answer } from '../ports.ts';
import { Announcements, announced } from '../stream/announced.ts';
import { SseRewriter } from '../stream/sse.ts';
import { fromServer } from './from-server.ts';

export async function streamFromServer(call: Armed, answer: Answer, gateway: Gateway): Promise<Reply> {
  const promised = new Promised(call);
  const reply = await fromServer(call, answer, gateway);
  const { body, progress } = reply;
  if (!progress?.events || body === undefined || Buffer.isBuffer(body) || promised.nothing) return reply;
  return { ...reply, body: watched(call, body, promised, gateway) };
}

/** Of which kinds this client is to hear. */
class Promised {
  /** Undefined until the server has acknowledged the subscription. */
  #kinds: ListKinds | undefined;
  readonly #asked: ListKinds;
  readonly #reader = new SseRewriter({ data: (message) => this.#heard(message) }, Number.POSITIVE_INFINITY);
  /** Of `subscriptions/listen`, its id as it stands in it. */
  readonly subscription: string | undefined;

  constructor({ bytes, idBytes, method, session }: Armed) {
    const listens = method === 'POST';
    this.#kinds = listens ? undefined : (session?.listChanged ?? 0);
    this.#asked = bytes && listens ? requestedKinds(bytes) : 0;
    this.subscription = listens ? idBytes : undefined;
  }

  /** Nothing is promised, and nothing will be. */
  get nothing(): boolean {
    return this.#kinds === 0 || (this.#kinds === undefined && this.#asked === 0);
  }

  readonly kinds = (): ListKinds => this.#kinds ?? 0;

  /** Looks for the acknowledgement where it goes on to the client, not where it is read: what came with it may still be on its way before it. */
  readonly passing = (events: Buffer): void => {
    if (this.#kinds === undefined) this.#reader.take(events);
  };

  #heard(message: Buffer): undefined {
    const acknowledged = acknowledgedKinds(message);
    if (acknowledged !== undefined) this.#kinds ??= acknowledged & this.#asked;
  }
}

async function* watched(
  { grants, principal, server }: Armed,
  body: AsyncIterable<Buffer>,
  promised: Promised,
  { listChanges }: Gateway,
): AsyncGenerator<Buffer, void> {
  const announcements = new Announcements(promised.kinds, promised.subscription);
  const unwatch = listChanges.watch({
    principal,
    server: server.name,
    view: grants.view(server.name),
    tell: (changed) => announcements.add(changed),
  });
  try {
    yield* announced(body, announcements, promised.passing);
  } finally {
    unwatch();
  }
}
