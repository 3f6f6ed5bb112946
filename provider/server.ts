/**
 * The provider protocol (pulumirpc.ResourceProvider) in terms of kinds: gRPC messages ↔ plain values, secrets, unknowns,
 * preview. What a resource does is the kind's; what an update would change is diff.ts's.
 * Invariants: a preview touches nothing; a refused call names the resource; a Read that fails keeps the stored state.
 */
import {
  type handleUnaryCall,
  type ServerUnaryCall,
  type ServiceError,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import plugin from '@pulumi/pulumi/proto/plugin_pb.js';
import type * as messages from '@pulumi/pulumi/proto/provider_pb.js';
import provider from '@pulumi/pulumi/proto/provider_pb.js';
import empty from 'google-protobuf/google/protobuf/empty_pb.js';
import { check } from './check.ts';
import { type Difference, differences } from './diff.ts';
import type { Warn } from './engine.ts';
import type { Kind, Task } from './kind.ts';
import { type Decoded, decode, encode, type Properties, unknown } from './wire.ts';

/** Same as in package.json; state records no provider version, so it is for people only. */
const version = '0.1.0';

/** Every request about one resource has these. */
interface AboutResource {
  getUrn(): string;
}

/** @param kinds The shelf. @param warn How to say something beside a resource. */
export function resourceProvider(kinds: readonly Kind[], warn: Warn): UntypedServiceImplementation {
  const table = new Map(kinds.map((kind) => [kind.type, kind]));
  const cancelled = new AbortController();
  const about = (request: AboutResource): Subject => subjectOf(table, request.getUrn(), warn, cancelled.signal);
  return {
    ...conversation(() => cancelled.abort(new Error('The operation was cancelled.'))),
    check: answer((request: messages.CheckRequest) => answerCheck(about(request), request)),
    diff: answer((request: messages.DiffRequest) => answerDiff(about(request), request)),
    create: answer((request: messages.CreateRequest) => answerCreate(about(request), request)),
    read: answer((request: messages.ReadRequest) => answerRead(about(request), request)),
    update: answer((request: messages.UpdateRequest) => answerUpdate(about(request), request)),
    delete: answer((request: messages.DeleteRequest) => answerDelete(about(request), request)),
  };
}

/** What is not about a resource. */
function conversation(cancel: () => void): UntypedServiceImplementation {
  const nothing = () => new empty.Empty();
  return {
    handshake: answer(() => new provider.ProviderHandshakeResponse().setAcceptSecrets(true)),
    configure: answer(() => new provider.ConfigureResponse().setAcceptsecrets(true).setSupportspreview(true)),
    checkConfig: answer((request: messages.CheckRequest) => {
      return new provider.CheckResponse().setInputs(request.getNews());
    }),
    diffConfig: answer(() => new provider.DiffResponse().setChanges(provider.DiffResponse.DiffChanges.DIFF_NONE)),
    getSchema: answer(() => new provider.GetSchemaResponse().setSchema(JSON.stringify({ name: 'portolan', version }))),
    getPluginInfo: answer(() => new plugin.PluginInfo().setVersion(version)),
    attach: answer(nothing),
    cancel: answer(() => {
      cancel();
      return nothing();
    }),
  };
}

interface Subject {
  readonly kind: Kind;
  readonly task: Task;
}

function subjectOf(table: ReadonlyMap<string, Kind>, urn: string, warn: Warn, signal: AbortSignal): Subject {
  const [, , types = '', name = ''] = urn.split('::');
  const type = types.split('$').at(-1) ?? '';
  const kind = table.get(type);
  if (!kind) throw new Error(`${type}: there is no such resource; expected ${[...table.keys()].join(', ')}.`);
  const owner = `${type.split(':').at(-1)}(${name})`;
  return { kind, task: { owner, signal, warn: (sentence) => warn(urn, sentence) } };
}

function answerCheck({ kind, task }: Subject, request: messages.CheckRequest): messages.CheckResponse {
  const news = decode(request.getNews());
  const { inputs, failures } = check(kind, task.owner, news);
  const list = failures.map(({ property, reason }) => {
    return new provider.CheckFailure().setProperty(property).setReason(reason);
  });
  return new provider.CheckResponse().setInputs(encode(inputs, news.secrets)).setFailuresList(list);
}

function answerDiff({ kind }: Subject, request: messages.DiffRequest): messages.DiffResponse {
  const olds = inputsOf(kind, request.getOldInputs() ?? request.getOlds());
  const found = differences(olds.values, decode(request.getNews()).values, kind.replaceOn);
  const { DIFF_SOME, DIFF_NONE } = provider.DiffResponse.DiffChanges;
  const response = new provider.DiffResponse()
    .setChanges(found.length > 0 ? DIFF_SOME : DIFF_NONE)
    .setHasdetaileddiff(true)
    .setDiffsList([...new Set(found.map(({ path }) => topLevel(path)))])
    .setReplacesList([...new Set(found.filter((one) => one.replaces).map(({ path }) => topLevel(path)))]);
  const detailed = response.getDetaileddiffMap();
  for (const one of found) detailed.set(one.path, propertyDiff(one));
  return response;
}

function propertyDiff({ change, replaces }: Difference): messages.PropertyDiff {
  const { Kind: kinds } = provider.PropertyDiff;
  const plain = { add: kinds.ADD, delete: kinds.DELETE, update: kinds.UPDATE }[change];
  const replacing = { add: kinds.ADD_REPLACE, delete: kinds.DELETE_REPLACE, update: kinds.UPDATE_REPLACE }[change];
  return new provider.PropertyDiff().setKind(replaces ? replacing : plain).setInputdiff(true);
}

async function answerCreate(subject: Subject, request: messages.CreateRequest): Promise<messages.CreateResponse> {
  const { kind, task } = subject;
  const news = decode(request.getProperties());
  if (request.getPreview()) return new provider.CreateResponse().setProperties(foreseen(kind, news));
  const computed = await kind.create(news.values, task);
  return new provider.CreateResponse()
    .setId(kind.idOf(news.values))
    .setProperties(encode({ ...news.values, ...computed }, news.secrets));
}

async function answerUpdate(subject: Subject, request: messages.UpdateRequest): Promise<messages.UpdateResponse> {
  const { kind, task } = subject;
  const news = decode(request.getNews());
  if (request.getPreview()) return new provider.UpdateResponse().setProperties(foreseen(kind, news));
  const olds = inputsOf(kind, request.getOldInputs() ?? request.getOlds());
  const computed = await kind.update(olds.values, news.values, task);
  return new provider.UpdateResponse().setProperties(encode({ ...news.values, ...computed }, news.secrets));
}

/** Inputs as they are, computed properties unknown. */
function foreseen(kind: Kind, news: Decoded) {
  const computed = Object.fromEntries(kind.computes.map((key) => [key, unknown]));
  return encode({ ...news.values, ...computed }, news.secrets);
}

async function answerRead(subject: Subject, request: messages.ReadRequest): Promise<messages.ReadResponse> {
  const { kind, task } = subject;
  const stored = inputsOf(kind, request.getInputs() ?? request.getProperties());
  const state = decode(request.getProperties()).values;
  const computed = Object.fromEntries(kind.computes.map((key) => [key, state[key]]));
  const found = await readOrKeep(kind, { inputs: stored.values, computed }, task);
  if (!found) return new provider.ReadResponse();
  return new provider.ReadResponse()
    .setId(request.getId())
    .setInputs(encode(found.inputs, stored.secrets))
    .setProperties(encode({ ...found.inputs, ...found.computed }, stored.secrets));
}

interface Stored {
  readonly inputs: Properties;
  readonly computed: Properties;
}

async function readOrKeep(kind: Kind, stored: Stored, task: Task): Promise<Stored | undefined> {
  try {
    return await kind.read(stored, task);
  } catch (error) {
    await task.warn(`${task.owner}: could not be read, so the last known state is kept. ${sentence(error)}`);
    return stored;
  }
}

async function answerDelete({ kind, task }: Subject, request: messages.DeleteRequest): Promise<empty.Empty> {
  const olds = inputsOf(kind, request.getOldInputs() ?? request.getProperties());
  await kind.remove(olds.values, task);
  return new empty.Empty();
}

/** Without what the kind computes, in case the engine sends outputs where inputs were meant. */
function inputsOf(kind: Kind, message: Parameters<typeof decode>[0]): Decoded {
  const { values, secrets } = decode(message);
  const entries = Object.entries(values).filter(([key]) => !kind.computes.includes(key));
  return { values: Object.fromEntries(entries), secrets };
}

const topLevel = (path: string): string => path.split(/[.[]/, 1)[0] ?? path;

function answer<Request, Response>(work: (request: Request) => Response | Promise<Response>) {
  const handle: handleUnaryCall<Request, Response> = (call: ServerUnaryCall<Request, Response>, reply) => {
    const run = async () => work(call.request);
    run().then(
      (response) => reply(null, response),
      (error: unknown) => reply(failure(error)),
    );
  };
  return handle;
}

function failure(error: unknown): Partial<ServiceError> {
  return { code: status.UNKNOWN, details: sentence(error) };
}

function sentence(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
