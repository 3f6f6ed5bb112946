/** The door of birth. */
export { init } from './init.ts';
