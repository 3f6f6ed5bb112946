/**
 * A pod's volumes as folders on the node. Files that come from the API are written as kubelet does: a new folder, then one rename of
 * the link `..data`, so that a reader sees all old or all new; root owns them, fsGroup's group reads them. They lie in memory.
 */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { KubeApi } from '../../stand-ins/kubernetes/index.ts';
import { fieldOf, NotConfigured, type PodFacts, type ReadData } from './environment.ts';
import type { DownwardItem, Item, Pod, Source, Volume } from './objects.ts';

export interface VolumePlaces {
  /** On a tmpfs. */
  readonly memory: string;
  readonly disk: string;
  /** Of all claims of the cluster. */
  readonly claims: string;
}

interface Content {
  readonly data: Buffer;
  readonly mode: number;
  /** Owner; default root. */
  readonly uid?: number;
}

type Files = Map<string, Content>;

interface Token {
  readonly text: string;
  readonly renewAt: number;
}

const defaultMode = 0o644;

export class Volumes {
  readonly #pod: Pod;
  readonly #facts: PodFacts;
  readonly #places: VolumePlaces;
  readonly #api: KubeApi;
  readonly #read: ReadData;
  readonly #tokens = new Map<string, Token>();

  constructor(pod: Pod, facts: PodFacts, places: VolumePlaces, api: KubeApi, read: ReadData) {
    [this.#pod, this.#facts, this.#places, this.#api, this.#read] = [pod, facts, places, api, read];
  }

  /** Folder of a volume. */
  place(name: string): string {
    const volume = this.#pod.spec.volumes?.find((one) => one.name === name);
    if (volume === undefined) throw new NotConfigured(`volume "${name}" not found`);
    const claim = volume.persistentVolumeClaim?.claimName;
    if (claim !== undefined) return join(this.#places.claims, this.#pod.metadata.namespace, claim);
    const onDisk = volume.emptyDir !== undefined && volume.emptyDir.medium !== 'Memory';
    return join(onDisk ? this.#places.disk : this.#places.memory, 'volumes', name);
  }

  /** Makes what is missing and writes what has changed. Throws NotConfigured while something is not there yet. */
  async sync(): Promise<void> {
    for (const volume of this.#pod.spec.volumes ?? []) {
      const place = this.place(volume.name);
      if (volume.emptyDir || volume.persistentVolumeClaim) this.#makeFolder(volume, place);
      else this.#write(place, await this.#filesOf(volume));
    }
  }

  #makeFolder({ emptyDir }: Volume, place: string): void {
    if (existsSync(place)) return;
    mkdirSync(place, { recursive: true });
    if (emptyDir?.medium === 'Memory')
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'nosuid,nodev,mode=777', 'tmpfs', place]);
    const group = this.#group();
    chmodSync(place, emptyDir ? 0o777 : 0o755);
    if (group === undefined) return;
    chownSync(place, 0, group);
    chmodSync(place, (emptyDir ? 0o777 : 0o775) | 0o2000);
  }

  #group = (): number | undefined => this.#pod.spec.securityContext?.fsGroup;

  async #filesOf(volume: Volume): Promise<Files> {
    const files: Files = new Map();
    const { secret, configMap, downwardAPI, projected } = volume;
    if (secret) await this.#addData(files, 'secrets', { ...secret, name: secret.secretName }, secret.defaultMode);
    else if (configMap) await this.#addData(files, 'configmaps', configMap, configMap.defaultMode);
    else if (downwardAPI) this.#addFields(files, downwardAPI.items, downwardAPI.defaultMode);
    else if (projected)
      for (const source of projected.sources) await this.#addSource(files, source, projected.defaultMode);
    else throw new NotConfigured(`volume "${volume.name}" is of a kind that the harness does not know`);
    return files;
  }

  async #addSource(files: Files, source: Source, mode?: number): Promise<void> {
    if (source.secret) await this.#addData(files, 'secrets', source.secret, mode);
    if (source.configMap) await this.#addData(files, 'configmaps', source.configMap, mode);
    if (source.downwardAPI) this.#addFields(files, source.downwardAPI.items, mode);
    if (source.serviceAccountToken) {
      const user = this.#onlyUser();
      const narrow = user !== undefined || this.#group() !== undefined;
      const data = Buffer.from(await this.#token(source.serviceAccountToken));
      const own = { data, mode: narrow ? 0o600 : (mode ?? defaultMode), ...(user !== undefined && { uid: user }) };
      files.set(source.serviceAccountToken.path, own);
    }
  }

  async #addData(
    files: Files,
    kind: 'secrets' | 'configmaps',
    from: { name: string; optional?: boolean; items?: readonly Item[] },
    mode = defaultMode,
  ): Promise<void> {
    const data = await this.#read(kind, from.name);
    if (data === undefined && !from.optional) throw new NotConfigured(`${kind} "${from.name}" not found`);
    const items: readonly Item[] = from.items ?? Object.keys(data ?? {}).map((key) => ({ key, path: key }));
    for (const item of items) {
      const value = data?.[item.key];
      if (value !== undefined) files.set(item.path, { data: value, mode: item.mode ?? mode });
      else if (!from.optional) throw new NotConfigured(`${kind} "${from.name}" has no key ${item.key}`);
    }
  }

  #addFields(files: Files, items: readonly DownwardItem[] = [], mode = defaultMode): void {
    for (const { path, fieldRef } of items) {
      const data = Buffer.from(fieldRef ? fieldOf(this.#pod, fieldRef.fieldPath, this.#facts) : '');
      files.set(path, { data, mode });
    }
  }

  /** The user that all containers run as; a token belongs to it. */
  #onlyUser(): number | undefined {
    const { spec } = this.#pod;
    const all = [...(spec.initContainers ?? []), ...spec.containers];
    const users = new Set(all.map((one) => one.securityContext?.runAsUser ?? spec.securityContext?.runAsUser));
    return users.size === 1 ? [...users][0] : undefined;
  }

  /** By TokenRequest, bound to the pod; a new one at four fifths of its life. */
  async #token({ audience, expirationSeconds = 3_600 }: NonNullable<Source['serviceAccountToken']>): Promise<string> {
    const key = `${audience} ${expirationSeconds}`;
    const kept = this.#tokens.get(key);
    if (kept && Date.now() < kept.renewAt) return kept.text;
    const { name, namespace, uid } = this.#pod.metadata;
    const account = this.#pod.spec.serviceAccountName ?? 'default';
    const spec = {
      ...(audience && { audiences: [audience] }),
      expirationSeconds,
      boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
    };
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`;
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec };
    const answer = await this.#api.ask<{ status: { token: string } }>('POST', path, { body });
    this.#tokens.set(key, { text: answer.status.token, renewAt: Date.now() + expirationSeconds * 800 });
    return answer.status.token;
  }

  #write(place: string, files: Files): void {
    const link = join(place, '..data');
    const old = existsSync(link) ? join(place, readlinkSync(link)) : undefined;
    if (old !== undefined && sameFiles(old, files)) return;
    const group = this.#group();
    const name = `..${Date.now()}.${Math.random().toString(36).slice(2)}`;
    makeFolder(join(place, name), group);
    for (const [path, { data, mode, uid = 0 }] of files) {
      const file = join(place, name, path);
      makeFolder(dirname(file), group);
      writeFileSync(file, data, { mode: 0o600 });
      chownSync(file, uid, group ?? 0);
      chmodSync(file, group === undefined ? mode : mode | 0o440);
    }
    symlinkSync(name, `${link}_tmp`);
    renameSync(`${link}_tmp`, link);
    for (const top of new Set([...files.keys()].map((path) => path.split('/')[0] ?? path)))
      if (!existsSync(join(place, top))) symlinkSync(join('..data', top), join(place, top));
    if (old !== undefined) rmSync(old, { recursive: true, force: true });
  }
}

function makeFolder(path: string, group: number | undefined): void {
  if (existsSync(path)) return;
  mkdirSync(path, { recursive: true });
  if (group !== undefined) chownSync(path, 0, group);
  chmodSync(path, group === undefined ? 0o755 : 0o2755);
}

function sameFiles(folder: string, files: Files): boolean {
  const there = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((one) => one.isFile());
  if (there.length !== files.size) return false;
  return [...files].every(
    ([path, { data }]) => existsSync(join(folder, path)) && readFileSync(join(folder, path)).equals(data),
  );
}
