/**
 * W3C Trace Context level 1, `traceparent` alone: read, begin, continue. What is malformed is as good as absent (§3.2.2).
 * `tracestate` is carried as it is by the headers; spans are another's.
 */

/** `traceId` 32 and `parentId` 16 lower-case hex digits, neither all zeros; `flags` 0–255, bit 0 = sampled. */
export interface Trace {
  readonly traceId: string;
  readonly parentId: string;
  readonly flags: number;
}

const FORM = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const ZEROS = /^0+$/;

export interface RandomDigits {
  /** So many random lower-case hex digits. */
  take(count: number): string;
}

/** Undefined for anything but a valid `traceparent`. A later version is read by its first four fields (§4.3); version ff is invalid. */
export function readTraceparent(text: string): Trace | undefined {
  if (text.length < 55 || text.length > 512) return undefined;
  const match = FORM.exec(text);
  if (!match) return undefined;
  const [, version, traceId, parentId, flags, rest] = match as unknown as string[];
  if (version === undefined || traceId === undefined || parentId === undefined || flags === undefined) return undefined;
  if (version === 'ff' || (version === '00' && rest !== undefined)) return undefined;
  if (ZEROS.test(traceId) || ZEROS.test(parentId)) return undefined;
  return { traceId, parentId, flags: Number.parseInt(flags, 16) };
}

/** Version 00, whatever version was read. */
export const writeTraceparent = (trace: Trace): string =>
  `00-${trace.traceId}-${trace.parentId}-${trace.flags.toString(16).padStart(2, '0')}`;

/** A new trace, sampled. */
export const newTrace = (random: RandomDigits): Trace => ({
  traceId: random.take(32),
  parentId: random.take(16),
  flags: 1,
});

/** Our own span in the caller's trace: same trace id and sampling, new parent id. Only the sampled flag is handed on (§3.2.2.5). */
export const childTrace = (parent: Trace, random: RandomDigits): Trace => ({
  traceId: parent.traceId,
  parentId: random.take(16),
  flags: parent.flags & 1,
});

/** Continues the first candidate that is valid (`_meta` first, then the header), or begins a trace. */
export function continueTrace(random: RandomDigits, ...candidates: readonly (string | undefined)[]): Trace {
  for (const text of candidates) {
    const parent = text === undefined ? undefined : readTraceparent(text);
    if (parent) return childTrace(parent, random);
  }
  return newTrace(random);
}
