/**
 * One way from the load to the upstream, and whose CPU it costs. Types only.
 */
import type { Door } from './call.ts';

/** Processes that are counted as one. */
export interface Account {
  readonly name: string;
  readonly pids: readonly number[];
}

export interface Target {
  readonly name: 'direct' | 'nginx' | 'one gateway' | 'two gateways';
  readonly door: Door;
  /** Whose CPU is the price of a call. */
  readonly inTheWay: readonly Account[];
  /** Whose CPU is shown, but not charged. */
  readonly beside: readonly Account[];
}

/** A way that could not be had, and why. */
export interface Gap {
  readonly name: string;
  readonly why: string;
}
