/**
 * The handles of one call, as its caller knows them and as its MCP server does; at the handling gateway alone, the entry passes them on.
 * Invariant: opens what was sealed for this caller, this server and this kind; what a caller named in his request keeps the name he knows it by.
 */
import type { HandleKind, HandleSealer } from '../ports.ts';
import { sessionPrincipal } from './session-principal.ts';

interface Caller {
  readonly server: { readonly name: string };
  readonly principal: { readonly kind: string; readonly name: string };
}

export class CallerHandles {
  readonly #sealer: HandleSealer;
  readonly #caller: Caller;
  /** Tasks that the request named: the upstream's id → the caller's. Sealed again, with a newer key, a task would get another name. */
  #opened: Map<string, string> | undefined;

  constructor(sealer: HandleSealer, caller: Caller) {
    this.#sealer = sealer;
    this.#caller = caller;
  }

  /** The upstream's own; undefined for any that is not this caller's. */
  open(kind: HandleKind, sealed: string): string | undefined {
    const { server, principal } = this.#caller;
    const binding = this.#sealer.open(kind, sealed);
    if (binding?.server !== server.name || binding.principal !== sessionPrincipal(principal)) return undefined;
    if (kind === 'task') {
      this.#opened ??= new Map();
      this.#opened.set(binding.upstreamId, sealed);
    }
    return binding.upstreamId;
  }

  /** The caller's; undefined where it cannot be sealed. */
  seal(kind: HandleKind, upstreamId: string): string | undefined {
    const known = kind === 'task' ? this.#opened?.get(upstreamId) : undefined;
    if (known !== undefined) return known;
    const { server, principal } = this.#caller;
    return this.#sealer.seal({ kind, server: server.name, principal: sessionPrincipal(principal), upstreamId });
  }
}
