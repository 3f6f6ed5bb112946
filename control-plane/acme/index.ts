/** The door of public certificates by ACME. */
export { type Certificates, openCertificates } from './certificates.ts';
export { dnsNameOf } from './planes.ts';
