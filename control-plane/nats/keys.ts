/**
 * Keys and JWTs of NATS' operator mode (NATS docs, "Decentralized JWT Authentication"): one operator, the system account, and one account for the mesh with
 * two signing keys, ours and a scoped one whose users may do nothing outside their own name.
 * Invariant: made together and kept in one file, because a part of them is worth nothing.
 */
import { randomBytes } from 'node:crypto';
import {
  createAccount,
  createOperator,
  encodeAccount,
  encodeOperator,
  fromSeed,
  type KeyPair,
  newScopedSigner,
} from '@nats-io/jwt';
import { z } from 'zod';
import { readPrivately, writePrivately } from '../keys/private-files.ts';
import type { NatsMaterial } from './render-conf.ts';

const NatsKeysFile = z.strictObject({
  operator: z.string(),
  system: z.string(),
  account: z.string(),
  gatewaySigner: z.string(),
  controlSigner: z.string(),
  operatorJwt: z.string(),
  systemJwt: z.string(),
  accountJwt: z.string(),
  /** Encrypts JetStream's store. */
  storeKey: z.string(),
});

/** Key pairs are rebuilt from their seeds when asked for. */
export interface NatsKeys {
  readonly operator: KeyPair;
  readonly system: KeyPair;
  readonly account: KeyPair;
  readonly gatewaySigner: KeyPair;
  readonly controlSigner: KeyPair;
  readonly operatorJwt: string;
  readonly systemJwt: string;
  /** As it was at birth: without revocations. */
  readonly accountJwt: string;
  readonly storeKey: string;
}

// table: an account without limits lets nobody log in
const UNLIMITED = {
  conn: -1,
  leaf: 0,
  data: -1,
  payload: -1,
  subs: -1,
  imports: -1,
  exports: -1,
  wildcards: true,
} as const;
const STORAGE = { disk_storage: 4_000_000_000, mem_storage: 100_000_000, streams: 10, consumer: 100 } as const;

/** All that a gateway may do, whatever its replica's JWT says: `{{name()}}` is the name in that JWT, always a whole subject token. */
const GATEWAY_SCOPE = {
  pub: { allow: ['audit.{{name()}}.>', 'rpc.{{name()}}.>', '$JS.API.DIRECT.GET.CFG.cfg.{{name()}}.>'] },
  sub: { allow: ['_INBOX.{{name()}}.>', 'push.{{name()}}.>'] },
  subs: 20,
  payload: 262_144,
  data: -1,
} as const;

/** JWT of the mesh's account. `revocations`: user nkey → JWTs issued up to this (s since epoch) are refused. */
export function meshAccountJwt(
  keys: Pick<NatsKeys, 'operator' | 'account' | 'gatewaySigner' | 'controlSigner'>,
  revocations: Readonly<Record<string, number>>,
): Promise<string> {
  const pub = { allow: [...GATEWAY_SCOPE.pub.allow] };
  const sub = { allow: [...GATEWAY_SCOPE.sub.allow] };
  const scope = newScopedSigner(keys.gatewaySigner, 'gateway', { ...GATEWAY_SCOPE, pub, sub });
  return encodeAccount(
    'MESH',
    keys.account,
    {
      limits: { ...UNLIMITED, ...STORAGE },
      signing_keys: [scope, keys.controlSigner.getPublicKey()],
      revocations: { ...revocations },
    },
    { signer: keys.operator },
  );
}

/** Makes every key and writes the file. */
export async function writeNatsKeys(path: string): Promise<void> {
  const keys = {
    operator: createOperator(),
    system: createAccount(),
    account: createAccount(),
    gatewaySigner: createAccount(),
    controlSigner: createAccount(),
  };
  const seeds = Object.fromEntries(Object.entries(keys).map(([name, pair]) => [name, seedText(pair)]));
  const file = {
    ...seeds,
    operatorJwt: await encodeOperator('portolan', keys.operator, { system_account: keys.system.getPublicKey() }),
    systemJwt: await encodeAccount('SYS', keys.system, { limits: { ...UNLIMITED } }, { signer: keys.operator }),
    accountJwt: await meshAccountJwt(keys, {}),
    storeKey: randomBytes(32).toString('hex'),
  };
  await writePrivately(path, `${JSON.stringify(file, null, 2)}\n`);
}

export async function readNatsKeys(path: string): Promise<NatsKeys> {
  const file = NatsKeysFile.parse(JSON.parse(await readPrivately(path, 'NATS keys')));
  return {
    ...file,
    operator: pairOf(file.operator),
    system: pairOf(file.system),
    account: pairOf(file.account),
    gatewaySigner: pairOf(file.gatewaySigner),
    controlSigner: pairOf(file.controlSigner),
  };
}

/** What each server holds. `revocations` as for `meshAccountJwt`. */
export async function serverMaterial(
  keys: NatsKeys,
  revocations: Readonly<Record<string, number>>,
): Promise<NatsMaterial> {
  return {
    operatorJwt: keys.operatorJwt,
    systemAccount: keys.system.getPublicKey(),
    systemJwt: keys.systemJwt,
    account: keys.account.getPublicKey(),
    accountJwt: Object.keys(revocations).length === 0 ? keys.accountJwt : await meshAccountJwt(keys, revocations),
    storeKey: keys.storeKey,
  };
}

const seedText = (pair: KeyPair): string => new TextDecoder().decode(pair.getSeed());
const pairOf = (seed: string): KeyPair => fromSeed(new TextEncoder().encode(seed));
