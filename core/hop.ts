/**
 * The two headers that cross a hop, both RFC 9651 dictionaries: `portolan-hop` (the journey) and `portolan-caller` (who calls, in place of a token).
 * Only the forms that we write are read; anything else is undefined and the hop is refused. They are believed from an authenticated peer alone.
 */
import { GatewayName } from './names.ts';

export const HOP_HEADER = 'portolan-hop';
export const CALLER_HEADER = 'portolan-caller';

/** The journey so far. `deadlineMs`: milliseconds left for the whole call when the header was written. */
export interface Hop {
  readonly id: string;
  readonly entry: string;
  readonly hops: number;
  readonly via: readonly string[];
  readonly deadlineMs: number;
}

/** Whose call it is: the token's id, and the proof for the receiving gateway. */
export interface HopCaller {
  readonly kind: 'pat' | 'vat';
  readonly id: string;
  readonly proof: Buffer;
}

const HOP =
  /^id="([0-9a-f-]{36})", entry="([a-z0-9-]{1,63})", hops=(0|[1-9]\d{0,2}), via=\(("[a-z0-9-]{1,63}"(?: "[a-z0-9-]{1,63}")*)\), deadline=(0|[1-9]\d{0,9})$/;
const CALLER = /^kind="(pat|vat)", id="([0-9A-Za-z]{10})", proof=:([A-Za-z0-9+/]{43}=):$/;

export function writeHop(hop: Hop): string {
  const via = hop.via.map((name) => `"${name}"`).join(' ');
  return `id="${hop.id}", entry="${hop.entry}", hops=${hop.hops}, via=(${via}), deadline=${Math.max(0, Math.floor(hop.deadlineMs))}`;
}

export function readHop(text: string): Hop | undefined {
  const match = HOP.exec(text);
  if (!match) return undefined;
  const [, id, entry, hops, list, deadline] = match as unknown as [string, string, string, string, string, string];
  const via = list.split(' ').map((quoted) => quoted.slice(1, -1));
  if (![entry, ...via].every((name) => GatewayName.safeParse(name).success)) return undefined;
  return { id, entry, hops: Number(hops), via, deadlineMs: Number(deadline) };
}

export function writeCaller(caller: HopCaller): string {
  return `kind="${caller.kind}", id="${caller.id}", proof=:${caller.proof.toString('base64')}:`;
}

export function readCaller(text: string): HopCaller | undefined {
  const match = CALLER.exec(text);
  if (!match) return undefined;
  const [, kind, id, proof] = match as unknown as [string, 'pat' | 'vat', string, string];
  return { kind, id, proof: Buffer.from(proof, 'base64') };
}
