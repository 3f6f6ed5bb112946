/** The door of the registry: entries over the control plane's API, and enrolment. */
export { type Enrolling, enrol, hasEnrolment } from './enrolment.ts';
export { type Entry, type EntryInputs, type EntryKind, entry, putEntry, readEntry } from './entry.ts';
export { named } from './named-entry.ts';
