/** A registry entry with a name: `/<collection>/<name>`. Another name is another entry, so it replaces. */
import { Name } from '@portolan/core';
import type { EntryKind } from './entry.ts';

type Own = Pick<EntryKind, 'type' | 'body'> & Partial<EntryKind>;

export function named(collection: string, own: Own): EntryKind {
  return {
    extra: { name: Name },
    replaceOn: ['name'],
    computes: [],
    idOf: ({ name }) => String(name),
    path: ({ name }) => `/${collection}/${String(name)}`,
    ...own,
  };
}
