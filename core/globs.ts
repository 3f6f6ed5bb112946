/**
 * Globs with one wildcard: `*` is any run of characters, the empty one included; all else is literal and case-sensitive.
 * Matched by `indexOf` from left to right, never by a regular expression: no input makes it backtrack.
 */

function matches(parts: readonly string[], text: string): boolean {
  const first = parts[0] ?? '';
  const last = parts[parts.length - 1] ?? '';
  const end = text.length - last.length;
  if (!text.startsWith(first) || !text.endsWith(last)) return false;
  let at = first.length;
  for (let i = 1; i < parts.length - 1; i += 1) {
    const part = parts[i] ?? '';
    // the leftmost place leaves most room for the parts that follow
    const found = text.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  // not so where the first part and the last would share characters
  return at <= end;
}

/** True where at least one of the globs matches the whole text. No glob: always false. */
export function compileGlobs(globs: readonly string[]): (text: string) => boolean {
  const exact = new Set(globs.filter((glob) => !glob.includes('*')));
  const wild = [...new Set(globs)].filter((glob) => glob.includes('*')).map((glob) => glob.split(/\*+/));
  if (wild.some((parts) => parts.every((part) => part === ''))) return () => true;
  return (text) => exact.has(text) || wild.some((parts) => matches(parts, text));
}
