/**
 * The password of a role out of a PGPASSFILE: lines `host:port:database:user:password`, `*` for any, `\:` and `\\` escaped
 * (PostgreSQL documentation, "The Password File"). Read at each connection, so that a rotated password is used at once.
 */
import { readFile, stat } from 'node:fs/promises';
import { expectClosed } from '../keys/private-files.ts';

/** Pure: the first line that fits. */
export function findPassword(text: string, wanted: readonly string[]): string | undefined {
  for (const line of text.split(/\r?\n/)) {
    if (line.startsWith('#')) continue;
    const fields = line.split(/(?<!(?<!\\)(?:\\\\)*\\):/).map((field) => field.replace(/\\([:\\])/g, '$1'));
    if (fields.length === 5 && wanted.every((value, i) => fields[i] === '*' || fields[i] === value)) return fields[4];
  }
  return undefined;
}

/** Throws where the file is not there, others may read it, or no line fits; the message holds no password. */
export async function readPassword(path: string, url: URL): Promise<string> {
  const stats = await stat(path).catch((cause: unknown) => {
    throw new Error(`PGPASSFILE ${path} cannot be read: expected a file of mode 0600.`, { cause });
  });
  expectClosed(path, 'PGPASSFILE', stats);
  const wanted = [
    url.hostname,
    url.port || '5432',
    decodeURIComponent(url.pathname.slice(1)),
    decodeURIComponent(url.username),
  ];
  const found = findPassword(await readFile(path, 'utf8'), wanted);
  if (found === undefined)
    throw new Error(`PGPASSFILE ${path}: no line for ${wanted.join(':')}; expected host:port:database:user:password.`);
  return found;
}
