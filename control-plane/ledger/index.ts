/** The door of the ledger. */
export { Ledger, type LedgerSettings } from './ledger.ts';
