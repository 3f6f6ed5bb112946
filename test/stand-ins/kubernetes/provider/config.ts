/**
 * The provider's own configuration (`new kubernetes.Provider(name, {…})`), as far as the stand-in plays it. Pure but for
 * reading the kubeconfig's file. What it does not play it refuses: an option without effect would be a lie.
 */
import { existsSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { type Properties, unknown } from '../../../../provider/wire.ts';
import type { ApiAccess } from '../api.ts';

export interface Config {
  readonly access: ApiAccess;
  /** For sentences: `https://host:port (context name)`. */
  readonly cluster: string;
  /** Where an object goes that names no namespace. */
  readonly namespace: string;
  readonly configMapsMutable: boolean;
  readonly secretsMutable: boolean;
  readonly adoptsExisting: boolean;
  readonly deleteUnreachable: boolean;
}

export interface Failure {
  readonly property: string;
  readonly reason: string;
}

const flags = [
  'deleteUnreachable',
  'enableConfigMapMutable',
  'enableSecretMutable',
  'enableServerSideApply',
  'suppressDeprecationWarnings',
  'upsertExistingObjects',
];
const texts = ['kubeconfig', 'context', 'cluster', 'clusterIdentifier', 'namespace'];
const notPlayed = [
  'alwaysRender',
  'enablePatchForce',
  'helmReleaseSettings',
  'kubeClientSettings',
  'renderYamlToDirectory',
  'skipUpdateUnreachable',
  'suppressHelmHookWarnings',
];
/** The engine's own. */
const ofEngine = ['version', 'pluginDownloadURL', '__internal'];

export function checkConfig(news: Properties): Failure[] {
  const failures = Object.entries(news).flatMap(([property, value]): Failure[] => {
    if (value === unknown || ofEngine.includes(property)) return [];
    if (notPlayed.includes(property))
      return [{ property, reason: 'the stand-in of Kubernetes does not play this option' }];
    if (!flags.includes(property) && !texts.includes(property))
      return [{ property, reason: `there is no such option; expected ${[...texts, ...flags].join(', ')}` }];
    if (texts.includes(property))
      return typeof value === 'string' && value !== '' ? [] : [{ property, reason: 'a text is expected' }];
    return ['true', 'false', true, false].includes(value as string)
      ? []
      : [{ property, reason: 'expected true or false' }];
  });
  if (isFalse(news.enableServerSideApply))
    failures.push({
      property: 'enableServerSideApply',
      reason: 'the stand-in applies by the server alone; leave it out',
    });
  if (failures.length > 0 || hasUnknownAccess(news)) return failures;
  try {
    configOf(news);
    return [];
  } catch (error) {
    return [{ property: 'kubeconfig', reason: (error as Error).message }];
  }
}

/** True while the cluster itself is still to be made. */
export function hasUnknownAccess(news: Properties): boolean {
  return [news.kubeconfig, news.context, news.cluster].includes(unknown);
}

/** Another cluster means other objects: the provider and all of it are replaced. Else a change is an update. */
export function isOtherCluster(olds: Properties, news: Properties): boolean {
  if (olds.clusterIdentifier !== undefined || news.clusterIdentifier !== undefined)
    return olds.clusterIdentifier !== news.clusterIdentifier;
  if (hasUnknownAccess(news) || hasUnknownAccess(olds)) return false;
  return serverOf(olds) !== serverOf(news);
}

function serverOf(values: Properties): string | undefined {
  try {
    return configOf(values).access.server;
  } catch {
    // a file that is gone says nothing about the cluster
    return undefined;
  }
}

/** Throws an Error for a kubeconfig that leads nowhere. It names what is wrong there, and never a credential. */
export function configOf(values: Properties): Config {
  const { access, cluster, namespace } = readKubeconfig(values);
  return {
    access,
    cluster,
    namespace: typeof values.namespace === 'string' ? values.namespace : (namespace ?? 'default'),
    configMapsMutable: isTrue(values.enableConfigMapMutable),
    secretsMutable: isTrue(values.enableSecretMutable),
    adoptsExisting: isTrue(values.upsertExistingObjects),
    deleteUnreachable: isTrue(values.deleteUnreachable),
  };
}

interface Named<T> {
  readonly name: string;
  readonly value: T;
}

interface Kubeconfig {
  readonly contexts: readonly Named<{ cluster?: string; user?: string; namespace?: string }>[];
  readonly clusters: readonly Named<Record<string, unknown>>[];
  readonly users: readonly Named<Record<string, unknown>>[];
  readonly current: string | undefined;
}

function readKubeconfig(values: Properties): Pick<Config, 'access' | 'cluster'> & { namespace: string | undefined } {
  const file = parseKubeconfig(kubeconfigText(values.kubeconfig));
  const name = typeof values.context === 'string' ? values.context : file.current;
  const context = choose('context', name, file.contexts);
  const clusterName = typeof values.cluster === 'string' ? values.cluster : context.cluster;
  const cluster = choose('cluster', clusterName, file.clusters);
  const user = context.user === undefined ? {} : choose('user', context.user, file.users);
  const { server } = cluster;
  if (typeof server !== 'string') throw new Error(`kubeconfig: cluster ${clusterName} names no server`);
  if (user.exec !== undefined || user['auth-provider'] !== undefined)
    throw new Error(
      `kubeconfig: user ${context.user} gets its token by a command, which the stand-in does not run; expected a token or a client certificate`,
    );
  const ca = pem(cluster, 'certificate-authority');
  const token = user.token ?? (typeof user.tokenFile === 'string' ? fileText(user.tokenFile).trim() : undefined);
  const [cert, key] = [pem(user, 'client-certificate'), pem(user, 'client-key')];
  const access = {
    server,
    ...(ca && { ca }),
    ...(typeof token === 'string' && { token }),
    ...(cert && { cert }),
    ...(key && { key }),
  };
  return { access, cluster: `${server} (context ${name})`, namespace: context.namespace };
}

/** Contents, or the path of a file. */
function kubeconfigText(value: unknown): string {
  if (typeof value !== 'string' || value.trim() === '')
    throw new Error(
      'no kubeconfig is given, and none is taken from the environment or the home folder; give its contents or its path',
    );
  if (/^\s*\{/.test(value) || value.includes('\n') || /^apiVersion:/.test(value)) return value;
  return fileText(value);
}

function fileText(path: string): string {
  if (!existsSync(path))
    throw new Error(`kubeconfig: there is no file ${path}; give a path that exists, or the contents`);
  return readFileSync(path, 'utf8');
}

function parseKubeconfig(text: string): Kubeconfig {
  let found: unknown;
  try {
    found = parse(text);
  } catch {
    // the parser's words would quote the text, which holds credentials
    throw new Error('kubeconfig: it is no YAML');
  }
  const root = (typeof found === 'object' && found !== null ? found : {}) as Record<string, unknown>;
  const named = (list: unknown, key: string) =>
    (Array.isArray(list) ? list : []).map((one) => ({ name: String(one?.name), value: one?.[key] ?? {} }));
  if (!Array.isArray(root.clusters)) throw new Error('kubeconfig: it lists no clusters');
  return {
    clusters: named(root.clusters, 'cluster'),
    contexts: named(root.contexts, 'context'),
    users: named(root.users, 'user'),
    current: typeof root['current-context'] === 'string' ? root['current-context'] : undefined,
  };
}

function choose<T>(what: string, name: string | undefined, list: readonly Named<T>[]): T {
  const found = list.find((one) => one.name === name);
  if (found) return found.value;
  const there = list.map((one) => one.name).join(', ') || 'none';
  throw new Error(`kubeconfig: there is no ${what} ${name ?? '(none is current)'}; there is ${there}`);
}

function pem(from: Record<string, unknown>, key: string): string | undefined {
  const data = from[`${key}-data`];
  if (typeof data === 'string') return Buffer.from(data, 'base64').toString('utf8');
  const file = from[key];
  return typeof file === 'string' ? fileText(file) : undefined;
}

const isTrue = (value: unknown): boolean => value === 'true' || value === true;
const isFalse = (value: unknown): boolean => value === 'false' || value === false;
