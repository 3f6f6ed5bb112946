/** Puts our span into the body of a message, where there is a `_meta` for it (SEP-414), and other texts elsewhere; all other bytes stay the original ones. */
import type { Range } from './json-cursor.ts';
import type { Scanned } from './scan.ts';
import type { Meta } from './scan-params.ts';

/** A text to be put in the place of a range; the range is empty where it is put in between. */
export interface Cut extends Range {
  readonly text: string;
}

/**
 * `body` with `params._meta.traceparent` replaced or inserted; `body` itself where it has no `_meta` (then the header alone carries it).
 * `scanned` must come from these bytes; `traceparent` from `writeTraceparent`. With `others`, which do not overlap, these are put in, too.
 */
export function spliceTraceparent(
  body: Buffer,
  scanned: Scanned,
  traceparent: string,
  others?: readonly Cut[],
): Buffer {
  const own = scanned.meta && ownCut(scanned.meta, traceparent);
  if (!others || others.length === 0) return own ? splice(body, own) : body;
  return spliceAll(body, own ? [...others, own] : others);
}

function ownCut(meta: Meta, traceparent: string): Cut {
  if (meta.traceparent) return { ...meta.traceparent, text: `"${traceparent}"` };
  const at = meta.start + 1;
  return { start: at, end: at, text: `"traceparent":"${traceparent}"${meta.empty ? '' : ','}` };
}

/** Its text is ASCII. */
function splice(body: Buffer, { start, end, text }: Cut): Buffer {
  const out = Buffer.allocUnsafe(body.length - (end - start) + text.length);
  body.copy(out, 0, 0, start);
  out.write(text, start, 'latin1');
  body.copy(out, start + text.length, end);
  return out;
}

function spliceAll(body: Buffer, cuts: readonly Cut[]): Buffer {
  const parts: Buffer[] = [];
  let at = 0;
  for (const { start, end, text } of cuts.toSorted((a, b) => a.start - b.start)) {
    parts.push(body.subarray(at, start), Buffer.from(text));
    at = end;
  }
  return Buffer.concat([...parts, body.subarray(at)]);
}
