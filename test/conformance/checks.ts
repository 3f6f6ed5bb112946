/** Reads what the suite has found: one folder a scenario, `checks.json` in it. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface Check {
  /** Scenario, id and name as the suite has them; a number where it has several of one name. */
  readonly key: string;
  /** SUCCESS, FAILURE, WARNING, SKIPPED or INFO. */
  readonly status: string;
  readonly error: string | undefined;
}
interface Written {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly errorMessage?: string;
}

/** Clients for them need an authorization server, which is not the gateway. */
const needsAuthorizationServer = /^auth[/-]/;
const folderName = /^(?:server-)?(.+)-\d{4}-\d{2}-\d{2}T[\d-]+Z$/;

export async function readChecks(folder: string): Promise<Check[]> {
  const found: Check[] = [];
  for (const entry of await readdir(folder, { recursive: true })) {
    if (!entry.endsWith('checks.json')) continue;
    const scenario = folderName.exec(entry.slice(0, -'/checks.json'.length))?.[1] ?? entry;
    if (needsAuthorizationServer.test(scenario)) continue;
    found.push(...named(scenario, JSON.parse(await readFile(join(folder, entry), 'utf8')) as Written[]));
  }
  return found;
}

function named(scenario: string, written: readonly Written[]): Check[] {
  const seen = new Map<string, number>();
  return written.map(({ id, name, status, errorMessage }) => {
    const known = `${scenario}:${id}${name === id ? '' : `:${name}`}`;
    const nth = (seen.get(known) ?? 0) + 1;
    seen.set(known, nth);
    return { key: nth === 1 ? known : `${known}#${nth}`, status, error: errorMessage };
  });
}
