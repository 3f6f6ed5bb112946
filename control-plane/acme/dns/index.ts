/** The shelf of DNS providers: a new kind is one file and one line in `kinds`. */
import { z } from 'zod';
import type { DnsProvider } from './provider.ts';
import { rfc2136 } from './rfc2136.ts';

export type { DnsProvider } from './provider.ts';

const kinds = { rfc2136 };

/** The configuration of the one provider. */
export const DnsConfig = z.strictObject({
  rfc2136: kinds.rfc2136.config.describe('Dynamic updates (RFC 2136), signed by TSIG (RFC 8945).'),
});
export type DnsConfig = z.output<typeof DnsConfig>;

/** Throws where its secret cannot be used. `now`: ms since epoch. */
export const openDnsProvider = (config: DnsConfig, now: () => number): Promise<DnsProvider> =>
  kinds.rfc2136.open(config.rfc2136, now);
