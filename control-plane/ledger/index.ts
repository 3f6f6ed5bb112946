/** The door of the ledger. */
export { Ledger, type LedgerSettings } from './ledger.ts';
export { recordReport } from './reports.ts';
