/** Puts our span into the body of a message, where there is a `_meta` for it (SEP-414); all other bytes stay the original ones. */
import type { Scanned } from './scan.ts';

/**
 * `body` with `params._meta.traceparent` replaced or inserted; `body` itself where it has no `_meta` (then the header alone carries it).
 * `scanned` must come from these bytes; `traceparent` from `writeTraceparent`.
 */
export function spliceTraceparent(body: Buffer, scanned: Scanned, traceparent: string): Buffer {
  const { meta } = scanned;
  if (!meta) return body;
  if (meta.traceparent) return splice(body, meta.traceparent, `"${traceparent}"`);
  const at = meta.start + 1;
  return splice(body, { start: at, end: at }, `"traceparent":"${traceparent}"${meta.empty ? '' : ','}`);
}

function splice(body: Buffer, cut: { readonly start: number; readonly end: number }, text: string): Buffer {
  const out = Buffer.allocUnsafe(body.length - (cut.end - cut.start) + text.length);
  body.copy(out, 0, 0, cut.start);
  out.write(text, cut.start, 'latin1');
  body.copy(out, cut.start + text.length, cut.end);
  return out;
}
