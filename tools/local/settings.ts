// What `up` prepares for program `local`, and the settings in which the program reads it (docs/architecture.md "Local
// stack"). Paths and addresses only: no secret goes into settings.

import { join } from 'node:path';
import { z } from 'zod';
import { type PostgresLaunch, postgresLaunch } from '../postgres/index.ts';
import { configureStack, readConfig, type StackPlace } from '../stack/index.ts';
import type { Bundles } from './bundle.ts';
import { CommandFailed } from './command-failed.ts';
import { stackUrls, upstreamPorts } from './ports.ts';

/** How the settings tell the first port: by a URL, or, where an older `up` wrote them, by its number. */
const FirstPort = z.union([
  z.object({ urls: z.object({ control: z.url() }) }).transform(({ urls }) => Number(new URL(urls.control).port)),
  z.object({ portBase: z.int() }).transform(({ portBase }) => portBase),
]);

/** PostgreSQL of npm as a process of the stack, or one that is there already. */
export type Database =
  | { readonly postgres: PostgresLaunch }
  | { readonly databaseUrl: string; readonly passFile?: string };

export interface Prepared {
  readonly portBase: number;
  readonly natsServer: string;
  readonly bundles: Bundles;
  readonly database: Database;
}

export async function writeSettings(place: StackPlace, prepared: Prepared): Promise<void> {
  const { portBase, natsServer, bundles, database } = prepared;
  const local = {
    dir: place.folder,
    ...addresses(portBase),
    node: process.execPath,
    natsServer,
    controlPlaneBundle: bundles.controlPlane,
    gatewayBundle: bundles.gateway,
    examples: join(place.checkout, 'examples', 'servers'),
    ...database,
  };
  await configureStack(place, { program: 'local', federation: place.name, local });
}

/** Before anything long is done: a first `up` that is interrupted has chosen its ports all the same. */
export async function rememberPortBase(place: StackPlace, portBase: number): Promise<void> {
  const local = await readConfig(place, 'local');
  await configureStack(place, { local: { ...(typeof local === 'object' ? local : {}), ...addresses(portBase) } });
}

const addresses = (portBase: number) => ({ urls: stackUrls(portBase), upstreamPorts: upstreamPorts(portBase) });

/** The ports that the stack used last; undefined before its first `up`. */
export async function lastPortBase(place: StackPlace): Promise<number | undefined> {
  return FirstPort.safeParse(await readConfig(place, 'local')).data;
}

/** DATABASE_URL and PGPASSFILE of `env`, or npm's PostgreSQL. Refuses a password in the URL: it would be in the state. */
export async function chooseDatabase(place: StackPlace, port: number, env: NodeJS.ProcessEnv): Promise<Database> {
  const url = env.DATABASE_URL;
  if (url === undefined || url === '') return { postgres: await postgresLaunch(join(place.folder, 'postgres'), port) };
  if (passwordIn(url)) {
    throw new CommandFailed(
      'DATABASE_URL holds a password. Put it into a password file (PGPASSFILE, one line host:port:database:user:password, mode 0600) and leave it out of the URL.',
    );
  }
  return { databaseUrl: url, ...(env.PGPASSFILE && { passFile: env.PGPASSFILE }) };
}

function passwordIn(url: string): boolean {
  const parsed = URL.parse(url);
  if (parsed === null || !/^postgres(ql)?:$/.test(parsed.protocol)) {
    throw new CommandFailed(`DATABASE_URL: expected postgres://user@host:port/database, without a password.`);
  }
  return parsed.password !== '' || parsed.searchParams.has('password');
}
