/** The door of status. */
export { federationStatus, mcpServerStatus } from './federation-status.ts';
export { ServerReports } from './server-reports.ts';
