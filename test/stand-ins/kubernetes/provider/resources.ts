/** What the engine asks about one object: Diff, Create, Read, Update, Delete. */
import type * as messages from '@pulumi/pulumi/proto/provider_pb.js';
import provider from '@pulumi/pulumi/proto/provider_pb.js';
import empty from 'google-protobuf/google/protobuf/empty_pb.js';
import type { Struct } from 'google-protobuf/google/protobuf/struct_pb.js';
import { type Difference, differences } from '../../../../provider/diff.ts';
import type { Warn } from '../../../../provider/engine.ts';
import { type Decoded, decode, encode, hasUnknown, type Properties } from '../../../../provider/wire.ts';
import type { KubeObject } from '../api.ts';
import { NotReady, untilGone, untilReady, whyNotReady } from './awaiting.ts';
import { liveInputs } from './drift.ts';
import { Unreachable } from './explain.ts';
import type { Faults } from './faults.ts';
import { foreseenAfter, foreseenNew, known } from './foresight.ts';
import { describe, type Identity, identityOf, identityOfId, idOf, tokenOf } from './identity.ts';
import { InitFailed } from './init-failed.ts';
import { type Objects, Rejected, UnknownKind } from './objects.ts';
import { replaceOn, replaces } from './replacement.ts';
import { secretTexts } from './secret-texts.ts';

const defaultSeconds = 600;

interface Setting {
  /** undefined while the cluster is still to be made. */
  readonly objects: () => Objects | undefined;
  readonly warn: Warn;
  readonly faults: Faults;
  readonly signal: AbortSignal;
}

type Placed = Identity & { readonly path: string };

export class Resources {
  readonly #setting: Setting;

  constructor(setting: Setting) {
    this.#setting = setting;
  }

  diff(request: messages.DiffRequest): messages.DiffResponse {
    const olds = decode(request.getOldInputs() ?? request.getOlds()).values;
    const news = decode(request.getNews()).values;
    const token = tokenOf(request.getUrn());
    const config = this.#setting.objects()?.config ?? { configMapsMutable: false, secretsMutable: false };
    const fields = replaceOn(
      identityOf(token, news),
      config,
      [olds, news].some(({ immutable }) => immutable === true),
    );
    const found = differences(olds, news).map((one) => ({ ...one, replaces: replaces(one.path, fields) }));
    const [before, after] = [identityOf(token, olds), identityOf(token, news)];
    return diffResponse(found).setDeletebeforereplace(idOf(before) === idOf(after) && before.kind === after.kind);
  }

  async create(request: messages.CreateRequest): Promise<messages.CreateResponse> {
    const news = this.#inputs(request.getUrn(), request.getProperties());
    if (request.getPreview()) {
      await this.#rehearse(request.getUrn(), news, 'create');
      return new provider.CreateResponse().setProperties(this.#outputs(news, foreseenNew(news.values)));
    }
    const objects = this.#cluster(news.identity);
    const at = await objects.place(news.identity, this.#setting.signal, true);
    if (!objects.config.adoptsExisting && (await objects.find(at.path, this.#setting.signal)))
      throw new Error(
        `${describe(at)}: cluster ${objects.config.cluster} has it already, and not from this stack. Delete it, or set upsertExistingObjects on the provider to take it over.`,
      );
    this.#setting.faults('create', at.kind);
    const live = await this.#apply(request, at, news);
    return new provider.CreateResponse().setId(idOf(at)).setProperties(this.#outputs(news, live));
  }

  async update(request: messages.UpdateRequest): Promise<messages.UpdateResponse> {
    const news = this.#inputs(request.getUrn(), request.getNews());
    if (request.getPreview()) {
      await this.#rehearse(request.getUrn(), news, 'update');
      const olds = decode(request.getOlds()).values;
      return new provider.UpdateResponse().setProperties(this.#outputs(news, foreseenAfter(olds, news.values)));
    }
    const at = await this.#cluster(news.identity).place(news.identity, this.#setting.signal);
    this.#setting.faults('update', at.kind);
    const live = await this.#apply(request, at, news);
    return new provider.UpdateResponse().setProperties(this.#outputs(news, live));
  }

  async read(request: messages.ReadRequest): Promise<messages.ReadResponse> {
    const token = tokenOf(request.getUrn());
    const stored = request.getInputs() ?? request.getProperties();
    const inputs = decode(stored);
    const identity = identityOfId(token, request.getId());
    const objects = this.#cluster(identity);
    const at = await objects.place(identity, this.#setting.signal).catch((error: unknown) => {
      // with the definition of a kind all of its objects have gone
      if (error instanceof UnknownKind) return undefined;
      throw error;
    });
    const live = at && (await objects.find(at.path, this.#setting.signal));
    if (at === undefined || live === undefined) return new provider.ReadResponse();
    const isOurs = Object.keys(inputs.values).length > 0;
    const seen = isOurs ? liveInputs(inputs.values, live) : nameOf(live);
    const unchanged = isOurs && differences(inputs.values, seen).length === 0;
    const found = unchanged && stored ? stored : encode(seen, inputs.secrets);
    const outputs = this.#outputs({ ...inputs, identity }, live);
    // kept in the state, so that the next `up` waits for it again
    const why = isOurs && (await whyNotReady(objects, at, live, this.#setting.signal));
    if (why) throw new InitFailed(why, request.getId(), outputs, found);
    return new provider.ReadResponse().setId(request.getId()).setInputs(found).setProperties(outputs);
  }

  async remove(request: messages.DeleteRequest): Promise<empty.Empty> {
    const identity = identityOfId(tokenOf(request.getUrn()), request.getId());
    const objects = this.#cluster(identity);
    this.#setting.faults('delete', identity.kind);
    try {
      const at = await objects.place(identity, this.#setting.signal);
      await untilGone(objects, at, request.getTimeout() || defaultSeconds, this.#setting.signal);
    } catch (error) {
      const isGone = error instanceof UnknownKind || (error instanceof Unreachable && objects.config.deleteUnreachable);
      if (!isGone) throw error;
    }
    return new empty.Empty();
  }

  #inputs(urn: string, message: Struct | undefined): Inputs {
    const decoded = decode(message);
    return { ...decoded, identity: identityOf(tokenOf(urn), decoded.values), message };
  }

  #cluster(identity: Identity): Objects {
    const objects = this.#setting.objects();
    if (objects) return objects;
    throw new Error(`${describe(identity)}: the provider's kubeconfig is not known yet.`);
  }

  async #apply(
    request: messages.CreateRequest | messages.UpdateRequest,
    at: Placed,
    news: Inputs,
  ): Promise<KubeObject> {
    const objects = this.#cluster(at);
    const warned = (text: string) => void this.#setting.warn(request.getUrn(), `${describe(at)}: ${text}`);
    const options = {
      dryRun: false,
      about: at,
      signal: this.#setting.signal,
      warned,
      secrets: secretTexts(news.message),
    };
    const applied = await objects.apply(at.path, bodyOf(at, news.values), options);
    try {
      return await untilReady(objects, at, applied, request.getTimeout() || defaultSeconds, this.#setting.signal);
    } catch (error) {
      if (!(error instanceof NotReady)) throw error;
      const inputs = news.message ?? encode(news.values, news.secrets);
      throw new InitFailed(error.message, idOf(at), this.#outputs(news, error.live), inputs);
    }
  }

  /** Lets the cluster judge what a preview knows. Throws what it refuses. */
  async #rehearse(urn: string, news: Inputs, operation: 'create' | 'update'): Promise<void> {
    const objects = this.#setting.objects();
    if (objects === undefined || news.identity.name === '') return;
    const { signal } = this.#setting;
    const at = await objects.place(news.identity, signal).catch((error: unknown) => {
      // what defines the kind may be made by the same program
      if (error instanceof UnknownKind) return this.#setting.warn(urn, `not judged in preview: ${error.message}`);
      throw error;
    });
    if (!at) return;
    const stage = await this.#stageFor(objects, at, operation);
    if (stage === undefined) return;
    const warned = () => {};
    const options = { dryRun: true, about: at, signal, warned, secrets: secretTexts(news.message) };
    const body = bodyOf(stage, known(news.values) as Properties);
    await objects.apply(stage.path, body, options).catch((error: unknown) => {
      if (!(error instanceof Rejected && isExcused(error, hasUnknown(news.values)))) throw error;
    });
  }

  /**
   * Where a dry run is judged as the real one will be: a namespace that is still to be made is played by `default`, and an
   * object that will be replaced by one of another name. undefined where there is no such place.
   */
  async #stageFor(objects: Objects, at: Placed, operation: 'create' | 'update'): Promise<Placed | undefined> {
    const { signal } = this.#setting;
    const isHomeless =
      at.namespace !== undefined && !(await objects.find(`/api/v1/namespaces/${at.namespace}`, signal));
    const stage = isHomeless ? await objects.place({ ...at, namespace: 'default' }, signal) : at;
    if (operation === 'update' || !(await objects.find(stage.path, signal))) return stage;
    const isNamedByContents = ['CustomResourceDefinition', 'APIService'].includes(at.kind);
    return isNamedByContents ? undefined : objects.place({ ...stage, name: 'portolan-rehearsal' }, signal);
  }

  #outputs({ secrets, identity }: Pick<Inputs, 'secrets' | 'identity'>, live: Properties): Struct {
    const { managedFields: _, ...metadata } = (live.metadata ?? {}) as Properties;
    const always = identity.kind === 'Secret' ? ['data', 'stringData'] : [];
    return encode({ ...live, metadata }, new Set([...secrets, ...always]));
  }
}

interface Inputs extends Decoded {
  readonly identity: Identity;
  /** As it came, with secrets marked. */
  readonly message?: Struct | undefined;
}

/** Inputs of an object that is only looked at. */
function nameOf({ apiVersion, kind, metadata: { name, namespace } }: KubeObject): Properties {
  return { apiVersion, kind, metadata: { name, ...(namespace && { namespace }) } };
}

/** What is sent: the inputs, under the name and namespace of the place. */
function bodyOf({ apiVersion, kind, name, namespace }: Identity, values: Properties): object {
  const { status: _, ...own } = values;
  return {
    ...own,
    apiVersion,
    kind,
    metadata: { ...(values.metadata as object), name, ...(namespace && { namespace }) },
  };
}

/**
 * Refusals that say nothing about the object: a port or address that the present one holds; and, where parts are not known
 * yet, all but fields that do not exist.
 */
function isExcused({ code, said }: Rejected, isPartial: boolean): boolean {
  if (/already allocated/.test(said)) return true;
  return isPartial && (code === 422 || !/not declared in schema|unknown field/.test(said));
}

function diffResponse(found: readonly Difference[]): messages.DiffResponse {
  const { DIFF_SOME, DIFF_NONE } = provider.DiffResponse.DiffChanges;
  const topLevel = (one: Difference) => one.path.split(/[.[]/, 1)[0] ?? one.path;
  const response = new provider.DiffResponse()
    .setChanges(found.length > 0 ? DIFF_SOME : DIFF_NONE)
    .setHasdetaileddiff(true)
    .setDiffsList([...new Set(found.map(topLevel))])
    .setReplacesList([...new Set(found.filter((one) => one.replaces).map(topLevel))]);
  const detailed = response.getDetaileddiffMap();
  const { Kind: kinds } = provider.PropertyDiff;
  const plain = { add: kinds.ADD, delete: kinds.DELETE, update: kinds.UPDATE };
  const replacing = { add: kinds.ADD_REPLACE, delete: kinds.DELETE_REPLACE, update: kinds.UPDATE_REPLACE };
  for (const one of found)
    detailed.set(
      one.path,
      new provider.PropertyDiff().setKind((one.replaces ? replacing : plain)[one.change]).setInputdiff(true),
    );
  return response;
}
