/** The shelf of sites: a new one is one file and one line here. */
export { type LocalDatabase, type LocalProgram, LocalSite, type LocalSiteArgs } from './local-site.ts';
export type * from './site.ts';
