/**
 * Renders every gateway's view in one transaction and stores those that changed under the next revision; the outbox is emptied with them.
 * Invariant: a revision is stored before anyone can see it, so no two documents ever share one.
 */
import type { Kysely, Transaction } from 'kysely';
import type { Database } from '../db/index.ts';
import type { SnapshotSigner } from '../keys/snapshot-key.ts';
import { type Content, contentHash, digestOf, type Messages, messagesOf, signDocument } from './document.ts';
import type { Proofs } from './proofs.ts';
import { type GatewayRow, type RegistryRows, readRegistry } from './registry-rows.ts';
import { renderTables } from './render-tables.ts';
import type { ReplicaRow, SealingKeyRow, SealingKeys } from './sealing-keys.ts';

/** Older revisions stay for a while: they tell drift from lag. */
const KEPT_REVISIONS = 8;

export interface RenderSettings {
  readonly federation: string;
  readonly maxStalenessMs: number;
  readonly renewGraceMs: number;
  /** A document that did not change is signed anew at this age. */
  readonly resignAfterMs: number;
  /** Mesh roots, PEM. */
  readonly caBundle: readonly string[];
  readonly signer: SnapshotSigner;
}

export interface RenderParts extends RenderSettings {
  readonly db: Kysely<Database>;
  readonly proofs: Proofs;
  readonly sealingKeys: SealingKeys;
}

export interface Rendered {
  readonly gateway: string;
  readonly revision: number;
  readonly messages: Messages;
}
export interface Rendering {
  readonly changed: readonly Rendered[];
  /** NATS users of retired gateways: nkey → second of the revocation. */
  readonly revoked: Readonly<Record<string, number>>;
  /** ms since epoch when time alone will change something. */
  readonly nextDue: number;
}

interface Latest {
  readonly revision: number;
  readonly contentHash: string;
  readonly issuedAt: number;
}
interface World {
  readonly rows: RegistryRows;
  readonly latest: ReadonlyMap<string, Latest>;
  readonly replicas: ReadonlyMap<string, readonly ReplicaRow[]>;
  /** Newest first. */
  readonly keys: ReadonlyMap<string, readonly SealingKeyRow[]>;
}

/** `floors`: revisions seen on NATS that the database does not know (it was restored); a new one must pass them. */
export function render(parts: RenderParts, floors: ReadonlyMap<string, number>, now: number): Promise<Rendering> {
  return parts.db
    .transaction()
    .setIsolationLevel('repeatable read')
    .execute(async (trx) => {
      const world = await readWorld(trx, parts.renewGraceMs, now);
      await parts.proofs.load(world.rows.tokens);
      const changed: Rendered[] = [];
      for (const gateway of world.rows.gateways) {
        const rendered = await renderOne({ parts, trx, world, now }, gateway, floors.get(gateway.name) ?? 0);
        if (rendered) changed.push(rendered);
      }
      await store(trx, changed, now);
      // what this transaction sees, and nothing that was committed since
      await trx.deleteFrom('outbox').execute();
      return { changed, revoked: await readRevoked(trx, new Date(now)), nextDue: nextDue(parts, world, changed, now) };
    });
}

interface Occasion {
  readonly parts: RenderParts;
  readonly trx: Transaction<Database>;
  readonly world: World;
  readonly now: number;
}

async function renderOne(occasion: Occasion, gateway: GatewayRow, floor: number): Promise<Rendered | undefined> {
  const { parts, trx, world, now } = occasion;
  const content = await contentOf(occasion, gateway);
  const hash = contentHash(content);
  const latest = world.latest.get(gateway.name);
  if (latest?.contentHash === hash && latest.revision >= floor && !isOld(parts, gateway, latest, now)) return undefined;
  const revision = Math.max(latest?.revision ?? 0, floor) + 1;
  const jws = await signDocument(parts.signer, content, { revision, issuedAt: now });
  const messages = await messagesOf(parts.signer, jws);
  await store(trx, {
    gateway: gateway.name,
    revision,
    jws,
    content_hash: hash,
    digest: digestOf(messages.head),
    created_at: new Date(now),
  });
  return { gateway: gateway.name, revision, messages };
}

/** A gateway that is retired may go stale. */
const isOld = (settings: RenderSettings, gateway: GatewayRow, latest: Latest, now: number): boolean =>
  gateway.active && now - latest.issuedAt >= settings.resignAfterMs;

async function contentOf({ parts, trx, world, now }: Occasion, gateway: GatewayRow): Promise<Content> {
  const present = world.keys.get(gateway.name) ?? [];
  const keys = gateway.active ? await parts.sealingKeys.ensure(trx, gateway.name, present, now) : [];
  return {
    federation: parts.federation,
    gateway: gateway.name,
    url: gateway.url,
    maxStalenessMs: parts.maxStalenessMs,
    caBundle: [...parts.caBundle],
    snapshotKeys: parts.signer.publicKeys.map((key) => ({ ...key })),
    sealingKeys: await parts.sealingKeys.seal(keys, world.replicas.get(gateway.name) ?? []),
    tables: renderTables(world.rows, gateway, (tokenId) => parts.proofs.digest(tokenId, gateway.name)),
  };
}

interface StoredSnapshot {
  readonly gateway: string;
  readonly revision: number;
  readonly jws: string;
  readonly content_hash: string;
  readonly digest: string;
  readonly created_at: Date;
}

async function store(trx: Transaction<Database>, row: StoredSnapshot): Promise<void> {
  await trx.insertInto('snapshots').values(row).execute();
  await trx
    .deleteFrom('snapshots')
    .where('gateway', '=', row.gateway)
    .where('revision', '<=', row.revision - KEPT_REVISIONS)
    .execute();
}

async function readWorld(trx: Transaction<Database>, renewGraceMs: number, now: number): Promise<World> {
  const latest = await trx
    .selectFrom('snapshots')
    .distinctOn('gateway')
    .select(['gateway', 'revision', 'content_hash', 'created_at'])
    .orderBy('gateway')
    .orderBy('revision', 'desc')
    .execute();
  return {
    rows: await readRegistry(trx, now),
    latest: new Map(
      latest.map((row) => [
        row.gateway,
        { revision: row.revision, contentHash: row.content_hash, issuedAt: row.created_at.getTime() },
      ]),
    ),
    replicas: Map.groupBy(await readReplicas(trx, new Date(now - renewGraceMs)), ({ gateway }) => gateway),
    keys: Map.groupBy(await readKeys(trx), ({ gateway }) => gateway),
  };
}

/** Replicas that can still come back: with a certificate that is valid or may yet be renewed. */
async function readReplicas(trx: Transaction<Database>, validAfter: Date): Promise<ReplicaRow[]> {
  const rows = await trx
    .selectFrom('gateway_replicas')
    .select(['gateway', 'replica', 'seal_jwk'])
    .where('revoked_at', 'is', null)
    .where('certificate_not_after', '>', validAfter)
    .orderBy('gateway')
    .orderBy('replica')
    .execute();
  return rows.map(({ gateway, replica, seal_jwk }) => ({ gateway, replica, jwk: seal_jwk }));
}

/** Only those whose JWT, which ends with their certificate, has not expired by itself. */
async function readRevoked(trx: Transaction<Database>, now: Date): Promise<Record<string, number>> {
  const rows = await trx
    .selectFrom('gateway_replicas')
    .select(['nkey', 'revoked_at'])
    .where('revoked_at', 'is not', null)
    .where('certificate_not_after', '>', now)
    .orderBy('nkey')
    .execute();
  return Object.fromEntries(
    rows.map(({ nkey, revoked_at }) => [nkey, Math.floor((revoked_at?.getTime() ?? 0) / 1_000)]),
  );
}

async function readKeys(trx: Transaction<Database>): Promise<SealingKeyRow[]> {
  const rows = await trx.selectFrom('sealing_keys').selectAll().orderBy('created_at', 'desc').orderBy('kid').execute();
  return rows.map(({ gateway, kid, created_at, wrapped }) => ({
    gateway,
    kid,
    createdAt: created_at.getTime(),
    wrapped,
  }));
}

/** The next expiry of a token, or the next document to sign anew, whichever comes first. */
function nextDue(parts: RenderParts, world: World, changed: readonly Rendered[], now: number): number {
  const fresh = new Set(changed.map(({ gateway }) => gateway));
  const signed = world.rows.gateways
    .filter(({ active }) => active)
    .map(({ name }) => (fresh.has(name) ? now : (world.latest.get(name)?.issuedAt ?? now)));
  const expiries = world.rows.tokens.map(({ expiresAt }) => expiresAt);
  return Math.min(
    ...signed.map((at) => at + parts.resignAfterMs),
    expiries.reduce((a, b) => Math.min(a, b), Infinity),
  );
}
