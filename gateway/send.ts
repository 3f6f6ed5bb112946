/** Gives a reply to the caller: a whole one at once, a stream as fast as he reads. Decides nothing. */
import type { Reply } from './context.ts';
import type { Arrival } from './ports.ts';

/** Nothing to wait for where the reply is whole. */
export function send(arrival: Arrival, reply: Reply): Promise<void> | undefined {
  const { body, headers, status } = reply;
  if (body !== undefined && !Buffer.isBuffer(body)) return stream(arrival, reply, body);
  return arrival.reply(status, headers, body);
}

async function stream(arrival: Arrival, { headers, status }: Reply, body: AsyncIterable<Buffer>): Promise<void> {
  // the caller must see that the stream is open before anything happens on it
  arrival.begin(status, headers);
  for await (const chunk of body) {
    // a stream of its own: its caller may have left between two chunks, and then no event will tell any more
    if (arrival.gone) break;
    const full = arrival.write(chunk);
    if (full) await full;
  }
  arrival.end();
}
