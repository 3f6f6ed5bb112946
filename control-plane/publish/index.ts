/** The door of publishing. */
export { Publisher } from './publisher.ts';
