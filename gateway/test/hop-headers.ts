/** What a gateway sends with a call to another: that it has crossed, and whose it is. */
import { CALLER_HEADER, HOP_HEADER, hopKey, hopProof, writeCaller, writeHop } from '@portolan/core';
import type { TestMesh } from './mesh.ts';

export interface Crossing {
  readonly entry: string;
  readonly to: string;
  readonly user?: string;
}

/** Flat: name, value, name, value. */
export function hopHeaders(mesh: TestMesh, { entry, to, user = 'alice' }: Crossing): [string, string, string, string] {
  const token = mesh.tokens.get(user);
  const proof = hopProof(hopKey(token?.secret ?? ''), to);
  const id = '01a1fe4b-6825-788d-aa3a-b59672337b7c';
  const hop = writeHop({ id, entry, hops: 1, via: [entry], deadlineMs: 60_000 });
  return [HOP_HEADER, hop, CALLER_HEADER, writeCaller({ kind: 'pat', id: token?.id ?? '', proof })];
}
