/**
 * Property bags of the provider protocol (pulumirpc, `google.protobuf.Struct`) as plain values and back.
 * A secret is unwrapped and remembered by its top-level property; an unknown becomes a symbol, so that it can never be
 * taken for a value. Invariant: what came in as a secret goes out as one.
 */
import type { Struct } from 'google-protobuf/google/protobuf/struct_pb.js';
import struct from 'google-protobuf/google/protobuf/struct_pb.js';

/** Absent and null are the same: a key that is not there. */
export type Properties = Readonly<Record<string, unknown>>;

/** A value that is known only after other resources have been made. */
export const unknown: unique symbol = Symbol('unknown');

/** Pulumi's property signatures and sentinels (sdk/go/common/resource/plugin/rpc.go). */
const signatureKey = '4dabf18193072939515e22adb298388d';
const secretSignature = '1b47061264138c4ac30d75fd1eb44270';
const unknownText = '04da6b54-80e4-46f7-96ec-b56ff0331ba9';
const unknownTexts: ReadonlySet<unknown> = new Set([
  unknownText,
  '1c4a061d-8072-4f0a-a4cb-0ff528b18fe7',
  '3eeb2bf0-c639-47a8-9e75-3b44932eb421',
  '6a19a0b0-7e62-4c92-b797-7f8e31da9cc2',
  '030794c1-ac77-496b-92df-f27374a8bd58',
  'e48ece36-62e2-4504-bad9-02848725956a',
  'dd056dcd-154b-4c76-9bd3-c8f88648b5ff',
]);

export interface Decoded {
  readonly values: Properties;
  /** Top-level properties that hold a secret anywhere. */
  readonly secrets: ReadonlySet<string>;
}

export function decode(message: Struct | undefined): Decoded {
  const secrets = new Set<string>();
  const entries = Object.entries(message?.toJavaScript() ?? {})
    .filter(([, value]) => value !== null)
    .map(([key, value]) => [key, reveal(value, () => secrets.add(key))]);
  return { values: Object.fromEntries(entries), secrets };
}

export function encode(values: Properties, secrets: ReadonlySet<string> = new Set()): Struct {
  const entries = Object.entries(values)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([key, value]) => [key, secrets.has(key) ? wrap(conceal(value)) : conceal(value)]);
  return struct.Struct.fromJavaScript(Object.fromEntries(entries));
}

export function hasUnknown(value: unknown): boolean {
  if (value === unknown) return true;
  return isObject(value) && Object.values(value).some(hasUnknown);
}

function reveal(value: unknown, foundSecret: () => void): unknown {
  if (unknownTexts.has(value)) return unknown;
  if (Array.isArray(value)) return value.map((item) => reveal(item, foundSecret));
  if (!isObject(value)) return value;
  if (value[signatureKey] === secretSignature) {
    foundSecret();
    return reveal(value.value, foundSecret);
  }
  const present = Object.entries(value).filter(([, item]) => item !== null);
  return Object.fromEntries(present.map(([key, item]) => [key, reveal(item, foundSecret)]));
}

type Json = null | number | string | boolean | Json[] | { [key: string]: Json };

function conceal(value: unknown): Json {
  if (value === unknown) return unknownText;
  if (Array.isArray(value)) return value.map(conceal);
  if (!isObject(value)) return isScalar(value) ? value : null;
  const present = Object.entries(value).filter(([, item]) => item !== undefined && item !== null);
  return Object.fromEntries(present.map(([key, item]) => [key, conceal(item)]));
}

const wrap = (value: Json): Json => ({ [signatureKey]: secretSignature, value });

const isScalar = (value: unknown): value is number | string | boolean =>
  ['number', 'string', 'boolean'].includes(typeof value);

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
