/** The door of enrolment. */
export { Enrolment, type EnrolmentParts } from './enrolment.ts';
