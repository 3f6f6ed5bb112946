/** One of our programs as a process of this machine, before it is known how the machine starts it. */
import type { Resource } from '@pulumi/pulumi';

export type Program = 'control-plane' | 'gateway' | 'nats-server';

export interface Workload {
  readonly name: string;
  readonly program: Program;
  readonly args: readonly string[];
  /** Arguments of runs of the same program that must end well before each start; idempotent. */
  readonly prepare?: readonly (readonly string[])[] | undefined;
  /** Non-secret configuration, put where the program reads it. */
  readonly config?: { readonly path: string; readonly content: string };
  /** No secrets. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** `host:port` by what it is for. */
  readonly ports: Readonly<Record<string, string>>;
  /** Answers a GET with 2xx once it can serve. */
  readonly health: { readonly listen: string; readonly path: string };
  /** Started after these are ready. */
  readonly after: readonly Resource[];
}
