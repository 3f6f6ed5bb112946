/**
 * Gateways. Deleting one retires it: its name stays in audit records and its certificates stay refused.
 * Invariant: a name that comes back starts a new life: certificates of the old one are never accepted again.
 */
import { api, GatewayName, type WorkloadIdentity } from '@portolan/core';
import { sql } from 'kysely';
import { dnsNameOf } from '../acme/planes.ts';
import { changed } from '../db/index.ts';
import { problem } from '../problem.ts';
import { type Kind, optional, type Read, stamps, type Which, type Write, whichNames } from './kind.ts';
import { plainUrl } from './plain-url.ts';
import { gatewaysOf } from './workload-gateways.ts';

export const gateways: Kind<api.GatewayBody, api.GatewayView> = {
  noun: 'Gateway',
  path: 'gateways',
  removal:
    'Retires the gateway: its certificates are refused from the next snapshot on, and its pairs leave the peer matrix.',
  change: 'gateway',
  table: 'gateways',
  name: GatewayName,
  body: api.GatewayBody,
  view: api.GatewayView,
  columns: (body) => ({
    url: body.url,
    dial: body.dial ?? hostPort(body.url),
    description: body.description ?? null,
    workload_identity: body.workloadIdentity === undefined ? null : JSON.stringify(body.workloadIdentity),
    status: 'active',
    certificate: body.certificate ?? null,
  }),
  views,
  check,
  referrers,
  remove: retire,
};

/** For a control plane that orders no certificates: one that nobody brings would keep its gateway from ever being ready. */
export const gatewaysWithOwnCertificates: typeof gateways = {
  ...gateways,
  check: async (trx, name, body) => {
    if (body.certificate === 'acme')
      throw problem(
        'invalid_body',
        'certificate: this control plane orders none: its configuration has no "certificates". Add that, or leave certificate out.',
        { path: 'certificate' },
      );
    return check(trx, name, body);
  },
};

function hostPort(url: string): string {
  const { hostname, port } = new URL(url);
  return `${hostname}:${port || '443'}`;
}

/** Active ones only: a retired gateway is gone, as far as the registry is concerned. */
async function views(db: Read, which: Which): Promise<readonly api.GatewayView[]> {
  const { equal, after, limit } = whichNames(which);
  const rows = await db
    .selectFrom('gateways as g')
    .selectAll('g')
    .select((eb) => [
      eb
        .exists(
          eb
            .selectFrom('gateway_replicas as r')
            .whereRef('r.gateway', '=', 'g.name')
            .where('r.revoked_at', 'is', null)
            .where('r.left_at', 'is', null)
            .where('r.certificate_not_after', '>', sql<Date>`now()`),
        )
        .as('enrolled'),
      eb
        .selectFrom('snapshots as s')
        .whereRef('s.gateway', '=', 'g.name')
        .select((s) => s.fn.max('s.revision').as('top'))
        .as('revision'),
    ])
    .where('g.status', '=', 'active')
    .where('g.name', '>', after)
    .$if(equal !== null, (query) => query.where('g.name', '=', equal))
    .orderBy('g.name')
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    name: row.name,
    url: row.url,
    dial: row.dial,
    ...optional('description', row.description),
    ...optional('certificate', row.certificate),
    ...optional('workloadIdentity', row.workload_identity),
    status: row.status,
    enrolled: Boolean(row.enrolled),
    revision: row.revision ?? 0,
    ...stamps(row),
  }));
}

async function check(trx: Write, name: string, body: api.GatewayBody): Promise<boolean> {
  plainUrl(body.url, { query: false });
  if (body.certificate === 'acme' && dnsNameOf(body.url) === undefined)
    throw problem(
      'invalid_body',
      'certificate: acme needs a url with a DNS name of at least two labels; leave it out where the site has a certificate of its own.',
      { path: 'certificate' },
    );
  const other = await trx
    .selectFrom('gateways')
    .select('name')
    .where('url', '=', body.url)
    .where('status', '=', 'active')
    .where('name', '!=', name)
    .executeTakeFirst();
  if (other)
    throw problem(
      'conflict',
      `Gateway "${other.name}" has the URL ${body.url} already: servers find their gateway by it, so each needs its own.`,
      { path: 'url' },
    );
  if (body.workloadIdentity) await onlyOne(trx, name, body.workloadIdentity);
  return revive(trx, name);
}

/** A token names no gateway: it is the one whose workload identity it has. */
async function onlyOne(trx: Write, name: string, identity: WorkloadIdentity): Promise<void> {
  const other = (await gatewaysOf(trx, identity)).find(
    (row) => row.name !== name && row.identity.audience === identity.audience,
  );
  if (other)
    throw problem(
      'conflict',
      `Gateway "${other.name}" has this issuer, namespace, serviceAccount and audience already: a token of its pods would be for both. Give each gateway a service account of its own.`,
      { path: 'workloadIdentity' },
    );
}

/** The new life of a retired name: nothing that was issued before counts. Whole seconds, because certificates know no smaller ones. */
async function revive(trx: Write, name: string): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('gateways')
    .set({ min_issued_at: sql`date_trunc('second', now())`, created_at: sql`now()` })
    .where('name', '=', name)
    .where('status', '=', 'retired')
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

async function referrers(trx: Write, name: string): Promise<readonly string[]> {
  const servers = await trx
    .selectFrom('mcp_servers')
    .select('name')
    .where('gateway', '=', name)
    .orderBy('name')
    .execute();
  return servers.map((server) => `MCP server "${server.name}"`);
}

async function retire(trx: Write, name: string): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('gateways')
    .set({ status: 'retired', min_issued_at: sql`date_trunc('second', now())`, updated_at: sql`now()` })
    .where('name', '=', name)
    .where('status', '=', 'active')
    .executeTakeFirst();
  if (numUpdatedRows === 0n) return false;
  await trx
    .updateTable('gateway_replicas')
    .set({ revoked_at: sql`now()` })
    .where('gateway', '=', name)
    .where('revoked_at', 'is', null)
    .execute();
  await trx.deleteFrom('enrolments').where('gateway', '=', name).execute();
  const pairs = await trx
    .deleteFrom('peer_pairs')
    .where((eb) => eb.or([eb('a', '=', name), eb('b', '=', name)]))
    .executeTakeFirst();
  if (pairs.numDeletedRows > 0n) await changed(trx, 'peer-matrix', name);
  return true;
}
