/**
 * Gives a reply to the caller: a whole one at once, a stream as fast as he reads. An event stream that has been quiet for too long gets a comment
 * (WHATWG HTML §9.2.7), so that no proxy in between takes it for dead: here alone, where the caller is, and only between two chunks, each of which
 * holds whole events.
 */
import type { Reply } from './context.ts';
import type { Flight } from './flights.ts';
import type { Arrival } from './ports.ts';

const COMMENT = Buffer.from(':\r\n');

/** The caller and his request, to which the end of the flight is the end of patience. */
export interface Recipient {
  readonly arrival: Arrival;
  readonly flight: Flight;
}

/** Nothing to wait for where the reply is whole, and the caller reads. */
export function send(to: Recipient, reply: Reply): Promise<void> | undefined {
  const { body, headers, status, text } = reply;
  if (body !== undefined && !Buffer.isBuffer(body)) return stream(to, reply, body);
  const full = to.arrival.reply(status, headers, body, text);
  return full && to.flight.unlessEnded(full, () => to.arrival.cut());
}

async function stream(to: Recipient, { headers, progress, status }: Reply, body: AsyncIterable<Buffer>): Promise<void> {
  const { arrival, flight } = to;
  // the caller must see that the stream is open before anything happens on it
  arrival.begin(status, headers);
  if (progress?.events && arrival.door.kind !== 'mesh') flight.onQuiet(() => comment(arrival));
  try {
    await write(to, body);
  } finally {
    flight.onQuiet(undefined);
  }
  arrival.end();
}

async function write({ arrival, flight }: Recipient, body: AsyncIterable<Buffer>): Promise<void> {
  for await (const chunk of body) {
    // a stream of its own: its caller may have left between two chunks, and then no event will tell any more
    if (arrival.gone) break;
    flight.spoke();
    const full = arrival.write(chunk);
    if (full) await flight.unlessEnded(full, () => arrival.cut());
  }
}

function comment(arrival: Arrival): void {
  if (!arrival.gone) void arrival.write(COMMENT);
}
