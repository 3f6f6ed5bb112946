/** The door of status. */
export { federationStatus } from './federation-status.ts';
