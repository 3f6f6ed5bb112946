/** The door of the ledger. */
export { Ledger, type LedgerSettings } from './ledger.ts';
export { Retention } from './retention.ts';
