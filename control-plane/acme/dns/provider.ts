/** What a DNS provider is: where challenges can be written. The shelf is index.ts; a new kind is one file here and one line there. */
import type { z } from 'zod';

export interface DnsProvider {
  /** Names outside it cannot be written. Without a trailing dot. */
  readonly zone: string;
  /** `host:port` of a server that answers for what was written at once. */
  readonly server: string;
  /** Adds a TXT record; others of the name stay, and one that is there already is no error. */
  present(name: string, value: string, signal: AbortSignal): Promise<void>;
  /** Removes that TXT record alone; one that is not there is no error. */
  remove(name: string, value: string, signal: AbortSignal): Promise<void>;
}

export interface ProviderKind<Schema extends z.ZodType> {
  readonly config: Schema;
  /** Throws where its secret cannot be used. `now`: ms since epoch. */
  open(config: z.output<Schema>, now: () => number): Promise<DnsProvider>;
}

export const providerKind = <Schema extends z.ZodType>(kind: ProviderKind<Schema>): ProviderKind<Schema> => kind;

/** Is `name` the zone, or below it. */
export const isInZone = (name: string, zone: string): boolean => name === zone || name.endsWith(`.${zone}`);
