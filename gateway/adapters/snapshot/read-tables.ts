/**
 * The tables of a verified snapshot: inline, or fetched as content-addressed parts. Every part is checked against its hash, every row
 * against its schema, in slices with the event loop free between them.
 */
import { createHash } from 'node:crypto';
import { setImmediate as breathe } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { Tables } from '@portolan/core';
import type { z } from 'zod';
import { type Manifest, SnapshotRefused } from './verify-snapshot.ts';

/** A part by the SHA-256 (hex) of its bytes; undefined where it is not there (yet). */
export type FetchPart = (sha256: string) => Promise<Uint8Array | undefined>;

/** A part could not be fetched: the same document may be read a little later. */
export class PartMissing extends Error {
  override readonly name = 'PartMissing';
}

export interface ReadTables {
  readonly tables: Tables;
  /** The parts that they came from; empty for inline ones. */
  readonly parts: ReadonlyMap<string, Uint8Array>;
}

export const SLICE = 256;
const MAX_BYTES = 512 * 2 ** 20;
const inflate = promisify(gunzip);

/** Throws `SnapshotRefused` or `PartMissing`. */
export async function readTables(manifest: Manifest, fetch: FetchPart): Promise<ReadTables> {
  const parts = new Map<string, Uint8Array>();
  if (manifest.tables !== undefined) return { tables: await checkTables(manifest.tables), parts };
  if (manifest.parts === undefined || manifest.parts.length === 0)
    throw new SnapshotRefused('it has neither tables nor parts');
  for (const part of manifest.parts) parts.set(part.sha256, await fetchChecked(part, fetch));
  const packed = Buffer.concat(manifest.parts.map(({ sha256 }) => parts.get(sha256) ?? new Uint8Array()));
  return { tables: await checkTables(await unpack(packed)), parts };
}

async function fetchChecked({ sha256, size }: { sha256: string; size: number }, fetch: FetchPart): Promise<Uint8Array> {
  const bytes = await fetch(sha256).catch((cause: unknown) => {
    throw new PartMissing(`part ${sha256} could not be fetched`, { cause });
  });
  if (bytes === undefined) throw new PartMissing(`part ${sha256} is not there`);
  if (bytes.length !== size || createHash('sha256').update(bytes).digest('hex') !== sha256)
    throw new SnapshotRefused(`part ${sha256} is corrupt`);
  return bytes;
}

async function unpack(packed: Buffer): Promise<unknown> {
  try {
    return JSON.parse((await inflate(packed, { maxOutputLength: MAX_BYTES })).toString());
  } catch (cause) {
    throw new SnapshotRefused('its parts do not unpack to JSON', { cause });
  }
}

async function checkTables(found: unknown): Promise<Tables> {
  const raw = (typeof found === 'object' && found !== null ? found : {}) as Record<string, unknown>;
  const { peers, servers, grants, tokens } = Tables.shape;
  return {
    peers: await checkRows('peers', peers.element, raw),
    servers: await checkRows('servers', servers.element, raw),
    grants: await checkRows('grants', grants.element, raw),
    tokens: await checkRows('tokens', tokens.element, raw),
  };
}

async function checkRows<T>(name: string, schema: z.ZodType<T>, raw: Record<string, unknown>): Promise<T[]> {
  const rows = raw[name];
  if (!Array.isArray(rows)) throw new SnapshotRefused(`its table ${name} is missing`);
  const checked: T[] = [];
  for (const [at, row] of rows.entries()) {
    const parsed = schema.safeParse(row);
    if (!parsed.success)
      throw new SnapshotRefused(`row ${at} of table ${name} has not the expected form`, { cause: parsed.error });
    checked.push(parsed.data);
    if (at % SLICE === SLICE - 1) await breathe();
  }
  return checked;
}
