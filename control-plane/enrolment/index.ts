/** The door of enrolment. */
export { Enrolment } from './enrolment.ts';
