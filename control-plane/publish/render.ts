/**
 * Renders every gateway's view in one transaction and stores those that changed under the next revision; the outbox is emptied with them.
 * Invariant: a revision is stored before anyone can see it, so no two documents ever share one.
 */
import { type Kysely, sql, type Transaction } from 'kysely';
import type { Database } from '../db/index.ts';
import type { SnapshotSigner } from '../keys/snapshot-key.ts';
import type { DeliveredCertificates } from './delivered-certificates.ts';
import { type Content, contentHash, digestOf, draftOf, type Messages, messagesOf, signDocument } from './document.ts';
import type { Proofs } from './proofs.ts';
import type { GatewayRow } from './registry-rows.ts';
import { renderTables } from './render-tables.ts';
import type { SealingKeys } from './sealing-keys.ts';
import { type Latest, type RevokedUsers, readWorld, type World } from './world.ts';

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
  readonly certificates: DeliveredCertificates;
}

export interface Rendered {
  readonly gateway: string;
  readonly revision: number;
  readonly messages: Messages;
}
export interface Rendering {
  readonly changed: readonly Rendered[];
  readonly revoked: RevokedUsers;
  /** ms since epoch when time alone will change something. */
  readonly nextDue: number;
}

interface Occasion {
  readonly parts: RenderParts;
  readonly trx: Transaction<Database>;
  readonly world: World;
  readonly now: number;
}

interface Signed extends Rendered {
  readonly jws: string;
  readonly contentHash: string;
}

/** `floors`: revisions of documents on NATS that the database does not know (it was restored); a new one must pass them. `now`: ms since epoch. */
export function render(parts: RenderParts, floors: ReadonlyMap<string, number>, now: number): Promise<Rendering> {
  return parts.db
    .transaction()
    .setIsolationLevel('repeatable read')
    .execute(async (trx) => {
      const world = await readWorld(trx, parts.renewGraceMs, now);
      await parts.proofs.load(world.rows.tokens);
      parts.sealingKeys.forgetAllBut(world.replicas);
      const changed: Signed[] = [];
      for (const gateway of world.rows.gateways) {
        const signed = await renderOne({ parts, trx, world, now }, gateway, floors.get(gateway.name) ?? 0);
        if (signed) changed.push(signed);
      }
      await store(trx, changed, now);
      // what this transaction sees, and nothing that was committed since
      await trx.deleteFrom('outbox').execute();
      return { changed, revoked: world.revoked, nextDue: nextDue(parts, world, changed, now) };
    });
}

async function renderOne(occasion: Occasion, gateway: GatewayRow, floor: number): Promise<Signed | undefined> {
  const { parts, world, now } = occasion;
  const draft = draftOf(await contentOf(occasion, gateway));
  const hash = contentHash(draft);
  const latest = world.latest.get(gateway.name);
  if (latest?.contentHash === hash && latest.revision > floor && !isOld(parts, gateway, latest, now)) return undefined;
  const revision = Math.max(latest?.revision ?? 0, floor) + 1;
  const jws = await signDocument(parts.signer, draft, { revision, issuedAt: now });
  return { gateway: gateway.name, revision, jws, contentHash: hash, messages: await messagesOf(parts.signer, jws) };
}

/** A gateway that is retired may go stale. */
const isOld = (settings: RenderSettings, gateway: GatewayRow, latest: Latest, now: number): boolean =>
  gateway.active && now - latest.issuedAt >= settings.resignAfterMs;

async function contentOf({ parts, trx, world, now }: Occasion, gateway: GatewayRow): Promise<Content> {
  const present = world.keys.get(gateway.name) ?? [];
  const keys = gateway.active ? await parts.sealingKeys.ensure(trx, gateway.name, present, now) : [];
  const replicas = world.replicas.get(gateway.name) ?? [];
  const certificate = await parts.certificates.deliver(world.certificates.get(gateway.name), replicas);
  return {
    federation: parts.federation,
    gateway: gateway.name,
    url: gateway.url,
    maxStalenessMs: parts.maxStalenessMs,
    caBundle: [...parts.caBundle],
    snapshotKeys: parts.signer.publicKeys.map((key) => ({ ...key })),
    sealingKeys: await parts.sealingKeys.seal(keys, replicas),
    ...(certificate && { certificate }),
    tables: renderTables(world.rows, gateway, (tokenId) => parts.proofs.digest(tokenId, gateway.name)),
  };
}

async function store(trx: Transaction<Database>, changed: readonly Signed[], now: number): Promise<void> {
  if (changed.length === 0) return;
  const rows = changed.map(({ gateway, revision, jws, contentHash: content_hash }) => ({
    gateway,
    revision,
    jws,
    content_hash,
    digest: digestOf(jws),
    created_at: new Date(now),
  }));
  await trx.insertInto('snapshots').values(rows).execute();
}

/** Removes revisions that are of no more use, and replicas of pods that are gone: no snapshot holds them any more. */
export async function prune(db: Kysely<Database>, now: number): Promise<void> {
  await db
    .deleteFrom('gateway_replicas')
    .where('pod_uid', 'is not', null)
    .where('certificate_not_after', '<=', new Date(now))
    .execute();
  await sql`DELETE FROM snapshots s USING (SELECT gateway, max(revision) AS top FROM snapshots GROUP BY gateway) AS newest
    WHERE s.gateway = newest.gateway AND s.revision <= newest.top - ${KEPT_REVISIONS}`.execute(db);
}

/** The next expiry of a token, or the next document to sign anew, whichever comes first. */
function nextDue(parts: RenderParts, world: World, changed: readonly Rendered[], now: number): number {
  const fresh = new Set(changed.map(({ gateway }) => gateway));
  const signed = world.rows.gateways
    .filter(({ active }) => active)
    .map(({ name }) => (fresh.has(name) ? now : (world.latest.get(name)?.issuedAt ?? now)));
  const expiries = world.rows.tokens.map(({ expiresAt }) => expiresAt);
  return [...signed.map((at) => at + parts.resignAfterMs), ...expiries].reduce((a, b) => Math.min(a, b), Infinity);
}
