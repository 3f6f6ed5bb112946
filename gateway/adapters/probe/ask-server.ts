/**
 * One question to an MCP server beside the calls, and the JSON-RPC answer to it, from a JSON body or out of a stream. What it means is not asked here.
 * Invariant: no more than `MAX_BYTES` of an answer are read, and nothing outlives the probe's ending.
 */
import { type McpServer, type ProbeAnswer, type Refusal, refuse } from '@portolan/core';
import type { Answer, AnswerBody, Ending, Exchange, UpstreamTransport } from '../../ports.ts';
import { gather } from '../../stream/gather.ts';
import { SseRewriter } from '../../stream/sse.ts';

/** A list of a thousand tools is 1 MB. What is read is parsed between calls, so it is not more. */
const MAX_BYTES = 2 * 1024 * 1024;

/** Where a probe asks, and until when. */
export interface Asking {
  readonly upstreams: UpstreamTransport;
  readonly server: McpServer;
  readonly ending: ProbeEnding;
  /** Is told of a session as soon as the server has named it, whatever becomes of its answer. */
  readonly opened: (sessionId: string) => void;
}
export interface Heard extends ProbeAnswer {
  readonly sessionId: string | undefined;
}

/** The one reason for which all exchanges of a probe end: its time is over, or nobody wants to know any more. */
export class ProbeEnding implements Ending {
  #reason: Refusal | undefined;
  #listener: ((reason: Refusal) => void) | undefined;

  get reason(): Refusal | undefined {
    return this.#reason;
  }

  listen(listener: ((reason: Refusal) => void) | undefined): void {
    this.#listener = listener;
  }

  /** Nothing: the probe's time runs, whatever comes. */
  heard(): void {}

  end(reason: Refusal): void {
    if (this.#reason) return;
    this.#reason = reason;
    this.#listener?.(reason);
  }
}

/** Sends `body` by POST and reads the answer with its id; of a notification nothing is read. Throws `Refusal` upstream_*. */
export async function askServer(
  asking: Asking,
  headers: readonly string[],
  body: Readonly<Record<string, unknown>>,
): Promise<Heard> {
  const accept = ['content-type', 'application/json', 'accept', 'application/json, text/event-stream'];
  const sent = Buffer.from(JSON.stringify({ jsonrpc: '2.0', ...body }));
  const answer = await open(asking, { method: 'POST', headers: [...accept, ...headers], body: sent });
  const { 'mcp-session-id': sessionId } = answer.headers;
  if (typeof sessionId === 'string') asking.opened(sessionId);
  const { id } = body;
  const message = id === undefined ? await drain(answer) : await messageOf(asking, answer, id);
  return { status: answer.status, message, sessionId: typeof sessionId === 'string' ? sessionId : undefined };
}

/** Status of a DELETE, its body unread. */
export async function endSession(asking: Asking, headers: readonly string[]): Promise<number> {
  const answer = await open(asking, { method: 'DELETE', headers, body: undefined });
  await drain(answer);
  return answer.status;
}

/** Name of the first event of the stream that a bare GET opens; undefined where none is opened. */
export async function firstEvent(asking: Asking): Promise<string | undefined> {
  const answer = await open(asking, { method: 'GET', headers: ['accept', 'text/event-stream'], body: undefined });
  if (answer.status !== 200 || !isStream(answer)) return drain(answer);
  const events = new SseRewriter({ data: () => undefined }, MAX_BYTES);
  for await (const chunk of bounded(asking, answer.body))
    for (const event of events.take(chunk)) {
      const name = /^event: ?(.*?)\r?$/m.exec(event.toString())?.[1];
      if (name !== undefined) return name;
    }
  return undefined;
}

function open(
  { upstreams, server, ending }: Asking,
  exchange: Pick<Exchange, 'method' | 'headers' | 'body'>,
): Promise<Answer> {
  const headers = [...exchange.headers, 'accept-encoding', 'identity', 'user-agent', 'portolan-probe'];
  return upstreams.open(server, { ...exchange, headers, ending });
}

/** What nobody reads; a short body to its end, so that its connection can be used again. */
async function drain(answer: Answer): Promise<undefined> {
  const { ended, rest } = await gather(answer.body, isStream(answer) ? -1 : 1024);
  if (!ended) await rest.return?.();
}

const contentType = ({ headers }: Answer): string => String(headers['content-type'] ?? '').toLowerCase();
const isStream = (answer: Answer): boolean => contentType(answer).startsWith('text/event-stream');

function messageOf(asking: Asking, answer: Answer, id: unknown): Promise<unknown> {
  const encoding = answer.headers['content-encoding'] ?? 'identity';
  if (encoding === 'identity' && isStream(answer)) return fromStream(asking, answer.body, id);
  if (encoding === 'identity' && /^application\/json\b/.test(contentType(answer))) return fromJson(asking, answer.body);
  return drain(answer);
}

/** A refusal without an id counts as well: a server that does not get as far as reading it has none. */
async function fromJson(asking: Asking, body: AnswerBody): Promise<unknown> {
  const gathered = await gather(body, MAX_BYTES);
  if (gathered.ended) return parsed(gathered.bytes);
  await gathered.rest.return?.();
  throw tooLong(asking);
}

async function fromStream(asking: Asking, body: AnswerBody, id: unknown): Promise<unknown> {
  const messages: unknown[] = [];
  const data = (bytes: Buffer): undefined => void messages.push(parsed(bytes));
  const events = new SseRewriter({ data }, MAX_BYTES);
  for await (const chunk of bounded(asking, body)) {
    events.take(chunk);
    const found = messages.splice(0).find((message) => isAnswer(message, id));
    if (found !== undefined) return found;
  }
  events.end();
  return messages.find((message) => isAnswer(message, id));
}

const isAnswer = (message: unknown, id: unknown): boolean =>
  typeof message === 'object' && message !== null && 'id' in message && message.id === id && !('method' in message);

async function* bounded(asking: Asking, body: AnswerBody): AsyncGenerator<Buffer, void> {
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > MAX_BYTES) throw tooLong(asking);
    yield chunk;
  }
}

const tooLong = ({ server }: Asking): Refusal =>
  refuse('upstream_invalid', {
    name: server.name,
    hop: server.gateway,
    expected: `an answer of more than ${MAX_BYTES} bytes`,
  });

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined; // not JSON, so no message
  }
}
