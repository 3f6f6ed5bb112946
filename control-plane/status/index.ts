/** The door of status. */
export { federationStatus, type StatusSources } from './federation-status.ts';
