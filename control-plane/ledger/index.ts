/** The door of the ledger. */
export { Ledger } from './ledger.ts';
export { Retention } from './retention.ts';
