/**
 * The answer to `initialize`, whose session id is in its head, and what must be known of the session in its body: of which lists the server announces
 * changes. So as much of the body is read as holds the InitializeResult, if it comes first, and nothing is waited for beyond that.
 */
import { declaredKinds, type ListKinds } from '@portolan/core';
import type { Armed, Gateway, Reply } from '../context.ts';
import type { Answer } from '../ports.ts';
import { gather, goingOn } from '../stream/gather.ts';
import { SseRewriter } from '../stream/sse.ts';
import { fromServer } from './from-server.ts';
import { mediaType } from './relay-answer.ts';

/** No InitializeResult is longer; of one that is, nothing is known. */
const READ_BYTES = 262_144;

export async function sessionFromServer(call: Armed, answer: Answer, gateway: Gateway): Promise<Reply> {
  if (answer.status !== 200 || answer.headers['mcp-session-id'] === undefined) return fromServer(call, answer, gateway);
  const isStream = mediaType(answer.headers['content-type']) === 'text/event-stream';
  const begun = isStream ? await firstEvent(answer) : await firstBytes(answer);
  return fromServer(call, { ...answer, body: begun.body }, gateway, { listChanged: begun.listChanged });
}

interface Begun {
  readonly body: AsyncIterable<Buffer>;
  readonly listChanged: ListKinds;
}

async function firstBytes(answer: Answer): Promise<Begun> {
  const { bytes, ended, rest } = await gather(answer.body, READ_BYTES);
  return { body: goingOn([bytes], ended, rest), listChanged: ended ? declaredKinds(bytes) : 0 };
}

/** Up to the first event that has data: what precedes it primes a stream that can be taken up again. */
async function firstEvent(answer: Answer): Promise<Begun> {
  const source = answer.body[Symbol.asyncIterator]();
  let first: Buffer | undefined;
  const data = (bytes: Buffer): undefined => {
    if (bytes.length > 0) first ??= Buffer.from(bytes);
  };
  const reader = new SseRewriter({ data }, Number.POSITIVE_INFINITY);
  const read: Buffer[] = [];
  let ended = false;
  // whatever is wrong with it, who relays these bytes says: this reader refuses nothing
  for (let size = 0; !first && !ended && size < READ_BYTES; ) {
    const step = await source.next();
    if (step.done) ended = true;
    else {
      read.push(step.value);
      size += step.value.length;
      reader.take(step.value);
    }
  }
  return { body: goingOn(read, ended, source), listChanged: first ? declaredKinds(first) : 0 };
}
