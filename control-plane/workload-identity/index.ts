/** The door of workload identity. */
export { KeysAway } from './issuer-keys.ts';
export { subjectOf, type VerifyWorkload, type Workload, WorkloadRefused, workloadVerifier } from './verify.ts';
