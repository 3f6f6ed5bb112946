// .portolan/<stack>/local.json: what a program or a test needs to know of a running local federation. Mode 0600, replaced
// in one step, written when the engine is done.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFile, type StackPlace } from '../stack/index.ts';
import { stackUrls } from './ports.ts';
import { localProcesses } from './processes.ts';
import { controlPlaneFolder } from './tokens.ts';

/** `url` is a loopback HTTP door, `tlsUrl` the public URL. */
export interface LocalFile {
  readonly controlPlane: Doors;
  readonly gateways: Readonly<Record<string, Doors>>;
  /** PEM bundle that verifies every `tlsUrl`. */
  readonly caFile: string;
  readonly adminToken: string;
  readonly users: Readonly<Record<string, { readonly token: string }>>;
  readonly processes: readonly LocalProcessEntry[];
}

export interface Doors {
  readonly url: string;
  readonly tlsUrl: string;
}

export interface LocalProcessEntry {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
}

export const controlPlaneDoors = (base: number): Doors => doorsOf(stackUrls(base).control);

export async function writeLocalFile(
  place: StackPlace,
  base: number,
  adminToken: string,
  tokens: Readonly<Record<string, string>>,
): Promise<LocalFile> {
  const local: LocalFile = {
    controlPlane: controlPlaneDoors(base),
    gateways: Object.fromEntries(Object.entries(stackUrls(base).gateways).map(([name, url]) => [name, doorsOf(url)])),
    caFile: join(controlPlaneFolder(place), 'site', 'ca.crt'),
    adminToken,
    users: Object.fromEntries(Object.entries(tokens).map(([name, token]) => [name, { token }])),
    processes: await processEntries(place),
  };
  await replaceFile(fileOf(place), `${JSON.stringify(local, null, 2)}\n`);
  return local;
}

/** undefined before the first `up` has ended. */
export async function readLocalFile(place: StackPlace): Promise<LocalFile | undefined> {
  const text = await readFile(fileOf(place), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : JSON.parse(text);
}

/** After a restart: the same file with the pids of now. */
export async function refreshProcesses(place: StackPlace): Promise<void> {
  const local = await readLocalFile(place);
  if (local === undefined) return;
  await replaceFile(
    fileOf(place),
    `${JSON.stringify({ ...local, processes: await processEntries(place) }, null, 2)}\n`,
  );
}

async function processEntries(place: StackPlace): Promise<readonly LocalProcessEntry[]> {
  return (await localProcesses(place)).map(({ name, pid, logFile }) => ({ name, pid, logFile }));
}

const fileOf = (place: StackPlace): string => join(place.folder, 'local.json');

/** The TLS door, and beside it the loopback HTTP door. */
function doorsOf(tlsUrl: string): Doors {
  return { url: `http://127.0.0.1:${Number(new URL(tlsUrl).port) + 1}`, tlsUrl };
}
