/** The door of the server: listeners, and the certificate of the public name. */
export { openListeners } from './listeners.ts';
export { SiteCertificate, type SiteSource } from './site-certificate.ts';
