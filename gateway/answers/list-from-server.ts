/**
 * A list that an MCP server answered page by page. A page in which nothing is left for this caller is not passed on where the list goes on: many
 * clients take an empty page for the end of it. The next one is asked for instead, with the caller's own request, until something is left or the
 * list is over. The handling gateway does this, nearest to the server; an entry gateway passes on what it gets.
 * Invariant: cursors are the server's, byte for byte; pages and bytes have a bound, beyond which the answer is `upstream_invalid`.
 */
import { spliceCursor } from '@portolan/core';
import type { Armed, Gateway, Reply } from '../context.ts';
import type { Answer } from '../ports.ts';
import type { Page, Progress } from '../stream/relay.ts';
import { sseEvent } from '../stream/sse-event.ts';
import { fromServer } from './from-server.ts';
import { invalid, refused } from './relay-answer.ts';

/** Pages that may be asked for without finding anything. */
const MAX_PAGES = 100;
/** Their bytes together, as a multiple of the longest list that is held. */
const MAX_LISTS = 4;

/** What has been read in vain. */
class Vain {
  #pages = 0;
  #bytes = 0;
  #cursor: Buffer | undefined;
  /** The caller has been sent the head of an event stream: what comes next must fit in it. */
  streaming = false;

  /** Why `page` is not the one to go on from; undefined where it may be. */
  objection(page: Page, onward: Buffer, mostBytes: number): string | undefined {
    this.#pages += 1;
    this.#bytes += page.bytes;
    const again = this.#cursor?.equals(onward);
    this.#cursor = onward;
    if (again) return 'a cursor that leads to itself';
    if (this.#pages >= MAX_PAGES) return `${MAX_PAGES} pages of a list with nothing in them for this caller`;
    return this.#bytes > mostBytes ? `more than ${mostBytes} bytes of a list with nothing for this caller` : undefined;
  }
}

/** The reply to a request for a list; `answer` is the server's to the caller's own request. */
export async function listFromServer(call: Armed, answer: Answer, gateway: Gateway, vain = new Vain()): Promise<Reply> {
  const page: Page = { bytes: 0, onward: undefined };
  const reply = await fromServer(call, answer, gateway, { page });
  if (page.onward) return nextPage(call, page, gateway, vain);
  const { body, progress } = reply;
  if (body === undefined || Buffer.isBuffer(body) || !progress?.events) return reply;
  vain.streaming = true;
  const next = (): Promise<Reply> => nextPage(call, page, gateway, vain);
  return { ...reply, body: events({ body, progress, page, next }) };
}

async function nextPage(call: Armed, page: Page, gateway: Gateway, vain: Vain): Promise<Reply> {
  const onward = page.onward ?? Buffer.alloc(0);
  const objection = vain.objection(page, onward, MAX_LISTS * gateway.limits.answerBytes);
  if (objection) throw invalid(call, objection);
  const body = call.exchange.body && spliceCursor(call.exchange.body, onward);
  const answer = await gateway.upstreams.open(call.server, { ...call.exchange, body });
  if (vain.streaming && answer.status !== 200)
    throw refused(answer, invalid(call, `it answered ${answer.status} to the next page of a list`));
  return listFromServer(call, answer, gateway, vain);
}

interface Paged {
  readonly body: AsyncIterable<Buffer>;
  readonly progress: Progress;
  readonly page: Page;
  readonly next: () => Promise<Reply>;
}

/** The stream of one page, and where that has nothing in it, what the next one brings, as events of the same stream. */
async function* events({ body, progress, page, next }: Paged): AsyncGenerator<Buffer, void> {
  yield* body;
  if (!page.onward) return;
  const reply = await next();
  if (Buffer.isBuffer(reply.body)) {
    progress.answered = true;
    yield sseEvent(reply.body);
    return;
  }
  for await (const chunk of reply.body ?? []) {
    progress.resumable ||= reply.progress?.resumable === true;
    progress.answered ||= reply.progress?.answered === true;
    yield chunk;
  }
}
