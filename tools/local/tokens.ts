// Tokens of a local stack as files (0600): tokens/<user> holds the token, tokens/<user>.header a header line for
// `curl -H @file`, so that no token is ever an argument. A token is kept while the control plane accepts it for a day more.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseToken } from '@portolan/core';
import { replaceFile, type StackPlace } from '../stack/index.ts';
import { CommandFailed } from './command-failed.ts';
import type { ControlPlane } from './control-plane.ts';

const lifeSeconds = 30 * 86_400;
const leftMs = 86_400_000;

/** Folder of the control plane's own data. */
export const controlPlaneFolder = (place: StackPlace): string => join(place.folder, 'control-plane');

/** The admin token that the control plane's `init` wrote; undefined before that. */
export async function readAdminToken(place: StackPlace): Promise<string | undefined> {
  const text = await readFile(join(controlPlaneFolder(place), 'admin-token'), 'utf8').catch(() => undefined);
  return text?.trim();
}

/** Makes the admin token's files. Throws CommandFailed where there is none. */
export async function keepAdminToken(place: StackPlace): Promise<string> {
  const token = await readAdminToken(place);
  if (token === undefined)
    throw new CommandFailed(
      `There is no admin token in ${controlPlaneFolder(place)}: the control plane has not been initialised.`,
    );
  await writeTokenFiles(place, 'admin', token);
  return token;
}

/** One token a user, kept or issued. */
export async function keepUserTokens(
  place: StackPlace,
  control: ControlPlane,
  users: readonly string[],
): Promise<Readonly<Record<string, string>>> {
  const tokens = await Promise.all(
    users.map(async (user) => [user, await keepUserToken(place, control, user)] as const),
  );
  return Object.fromEntries(tokens);
}

async function keepUserToken(place: StackPlace, control: ControlPlane, user: string): Promise<string> {
  const kept = (await readFile(join(place.folder, 'tokens', user), 'utf8').catch(() => '')).trim();
  if (await isGood(control, kept, user)) return kept;
  const { token } = await control.issueToken(user, lifeSeconds);
  await writeTokenFiles(place, user, token);
  return token;
}

async function isGood(control: ControlPlane, text: string, user: string): Promise<boolean> {
  const token = parseToken(text);
  const known = token && (await control.token(token.id));
  if (!known || known.revokedAt !== null) return false;
  return (
    known.principal.kind === 'user' &&
    known.principal.name === user &&
    Date.parse(known.expiresAt) - Date.now() > leftMs
  );
}

async function writeTokenFiles(place: StackPlace, name: string, token: string): Promise<void> {
  const folder = join(place.folder, 'tokens');
  await replaceFile(join(folder, name), `${token}\n`);
  await replaceFile(join(folder, `${name}.header`), `Authorization: Bearer ${token}\n`);
}
