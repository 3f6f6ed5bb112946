/** The texts that a message marks as secret, so that no error quotes one. Pure. */
import type { Struct } from 'google-protobuf/google/protobuf/struct_pb.js';

/** Pulumi's signature of a secret (sdk/go/common/resource/plugin/rpc.go). */
const signatureKey = '4dabf18193072939515e22adb298388d';
const secretSignature = '1b47061264138c4ac30d75fd1eb44270';

/** Shorter ones would make any sentence unreadable, and are no secrets. */
const shortest = 4;

export function secretTexts(message: Struct | undefined): string[] {
  const found = new Set<string>();
  collect(message?.toJavaScript() ?? {}, false, found);
  const encoded = [...found].map((text) => Buffer.from(text).toString('base64'));
  return [...found, ...encoded].sort((left, right) => right.length - left.length);
}

function collect(value: unknown, isSecret: boolean, found: Set<string>): void {
  if (typeof value === 'string') {
    if (isSecret && value.length >= shortest) found.add(value);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  const marked = isSecret || (value as Record<string, unknown>)[signatureKey] === secretSignature;
  for (const [key, item] of Object.entries(value)) if (key !== signatureKey) collect(item, marked, found);
}
