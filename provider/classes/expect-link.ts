/**
 * Arguments that are other resources. Types are stripped, not checked, where a program runs, so a name in place of a
 * resource would fail far from its cause: these say so at once.
 */
import { ArgumentError } from '../argument-error.ts';
import { show } from '../explain.ts';
import type { EntryKind } from './links.ts';

const makers: Readonly<Record<EntryKind, string>> = {
  gateway: 'a GatewayPlane or Gateway',
  'mcp-server': 'a LocalMcpServer or McpServer',
  user: 'a User',
  'virtual-account': 'a VirtualAccount',
};

/** Throws an ArgumentError unless it is a ControlPlane. @param argument `User(alice).control` */
export function expectControl(argument: string, value: unknown): void {
  if (!has(value, 'api', 'life')) throw new ArgumentError(argument, wanted('a ControlPlane', value));
}

/** Throws an ArgumentError unless it is an entry of one of these kinds. @param argument `Grant(alice-hr).server` */
export function expectEntry(argument: string, value: unknown, ...kinds: EntryKind[]): void {
  const kind = has(value, 'entryName', 'entryKind', 'control') ? Reflect.get(value, 'entryKind') : undefined;
  if (kinds.includes(kind)) return;
  throw new ArgumentError(argument, wanted(kinds.map((one) => makers[one]).join(' or '), value));
}

/** The sentence for an argument that should be a resource of the program. @param what `a ControlPlane` */
export function wanted(what: string, value: unknown): string {
  return `expected ${what}: the resource that \`new\` returned, not its name or URL; got ${given(value)}.`;
}

function has(value: unknown, ...keys: readonly string[]): value is object {
  return typeof value === 'object' && value !== null && keys.every((key) => key in value);
}

function given(value: unknown): string {
  if (typeof value !== 'object' || value === null) return show(value);
  return `an object of ${value.constructor?.name ?? 'no class'}`;
}
