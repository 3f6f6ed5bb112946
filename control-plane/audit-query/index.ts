/** The door of the audit's reading side. The writing side is ledger/. */
export { AuditFilter } from './audit-filter.ts';
export { queryAudit } from './audit-query.ts';
