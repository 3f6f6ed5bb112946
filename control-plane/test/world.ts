/** Short ways to the registry for tests of what stands behind it; through the same functions as the API. */
import { gunzipSync } from 'node:zlib';
import { type api, Snapshot } from '@portolan/core';
import { payloadOf } from '../publish/document.ts';
import { gateways, grants, mcpServers, put, putPeerMatrix, remove, users } from '../registry/index.ts';
import { issueToken } from '../tokens/index.ts';
import { type TestBackbone, until } from './backbone.ts';
import { type GatewayKeys, makeGatewayKeys, renewBody } from './gateway-client.ts';

export interface Enrolled {
  readonly keys: GatewayKeys;
  readonly identity: api.Identity;
}

export const urlOf = (gateway: string): string => `https://${gateway}.example.com`;

/** Resolves when its first snapshot is there. */
export async function addGateway(plane: TestBackbone, name: string): Promise<void> {
  const { db } = plane.database;
  await put(db, gateways, name, { url: urlOf(name) });
  await until(async () => (await db.selectFrom('outbox').select('id').execute()).length === 0);
}

export async function retireGateway({ database: { db } }: TestBackbone, name: string): Promise<void> {
  await remove(db, gateways, name);
}

/** Registers the gateway where it is not there, and enrols one replica of it. */
export async function enrolGateway(plane: TestBackbone, name: string): Promise<Enrolled> {
  await addGateway(plane, name);
  const { enrolling } = plane.backbone();
  const { token } = await enrolling.issue(name);
  const keys = await makeGatewayKeys();
  return { keys, identity: await enrolling.enroll({ ...(await renewBody(keys)), token }) };
}

export async function addServer({ database: { db } }: TestBackbone, name: string, gateway: string): Promise<void> {
  await put(db, mcpServers, name, { url: `http://${name}.internal:8080`, gateway });
}

/** A user with everything on a server, and a token. */
export async function addCaller(plane: TestBackbone, user: string, server: string): Promise<api.IssuedToken> {
  const { db } = plane.database;
  const principal = { kind: 'user', name: user } as const;
  await put(db, users, user, {});
  await put(db, grants, `${user}-${server}`, { effect: 'allow', principal, server, everything: true });
  return issueToken(db, plane.kek, { principal, expiresInSeconds: 86_400 }, Date.now());
}

export async function connectAll({ database: { db } }: TestBackbone, pairs: [string, string][]): Promise<void> {
  await putPeerMatrix(db, { pairs });
}

/** The payload of a compact JWS, read without looking at its signature. */
export const documentOf = (jws: string): Snapshot => Snapshot.parse(JSON.parse(payloadOf(jws).toString()));

export async function newest(plane: TestBackbone, gateway: string): Promise<Snapshot> {
  return documentOf((await plane.backbone().snapshots.newer(gateway, 0)) ?? '');
}

/** The tables that parts hold, in their order. */
export const tablesOf = (parts: readonly Uint8Array[]): unknown =>
  JSON.parse(gunzipSync(Buffer.concat(parts)).toString());
