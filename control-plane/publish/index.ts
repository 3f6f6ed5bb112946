/** The door of publishing. */
export { Publisher } from './publisher.ts';
export { readRevoked } from './world.ts';
