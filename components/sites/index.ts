/** The shelf of sites: a new one is one file and one line here. */
export {
  type Ingress,
  type KubernetesDatabase,
  KubernetesSite,
  type KubernetesSiteArgs,
  type Platform,
} from './kubernetes-site.ts';
export { type LocalDatabase, type LocalProgram, LocalSite, type LocalSiteArgs } from './local-site.ts';
export type * from './site.ts';
