/** Gives a reply to the caller: a whole one at once, a stream as fast as he reads. Decides nothing. */
import type { Reply } from './context.ts';
import type { Flight } from './flights.ts';
import type { Arrival } from './ports.ts';

/** The caller and his request, to which the end of the flight is the end of patience. */
export interface Recipient {
  readonly arrival: Arrival;
  readonly flight: Flight;
}

/** Nothing to wait for where the reply is whole, and the caller reads. */
export function send(to: Recipient, reply: Reply): Promise<void> | undefined {
  const { body, headers, status } = reply;
  if (body !== undefined && !Buffer.isBuffer(body)) return stream(to, reply, body);
  const full = to.arrival.reply(status, headers, body);
  return full && to.flight.unlessEnded(full, () => to.arrival.cut());
}

async function stream(
  { arrival, flight }: Recipient,
  { headers, status }: Reply,
  body: AsyncIterable<Buffer>,
): Promise<void> {
  // the caller must see that the stream is open before anything happens on it
  arrival.begin(status, headers);
  for await (const chunk of body) {
    // a stream of its own: its caller may have left between two chunks, and then no event will tell any more
    if (arrival.gone) break;
    const full = arrival.write(chunk);
    if (full) await flight.unlessEnded(full, () => arrival.cut());
  }
  arrival.end();
}
