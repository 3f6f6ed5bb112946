/**
 * The provider protocol (pulumirpc.ResourceProvider) for Kubernetes objects, on a real cluster. Stands in for the official
 * provider, whose program tests cannot have; what it decides it decides as that one does (see replacement.ts, readiness.ts).
 * Invariants: a preview changes nothing; a refused call names object and cluster; what came in as a secret goes out as one.
 */

import { readFileSync } from 'node:fs';
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
import type { Warn } from '../../../../provider/engine.ts';
import { decode } from '../../../../provider/wire.ts';
import { checkConfig, configOf, hasUnknownAccess, isOtherCluster } from './config.ts';
import type { Faults } from './faults.ts';
import { nameless, tokenOf, typeOf } from './identity.ts';
import { InitFailed } from './init-failed.ts';
import { Objects } from './objects.ts';
import { Resources } from './resources.ts';

/** The engine asks for the version of the npm SDK. */
const manifest = new URL('../../../../node_modules/@pulumi/kubernetes/package.json', import.meta.url);
const version: string = JSON.parse(readFileSync(manifest, 'utf8')).version;

export function kubernetesProvider(warn: Warn, faults: Faults): UntypedServiceImplementation {
  const cancelled = new AbortController();
  let objects: Objects | undefined;
  const resources = new Resources({ objects: () => objects, warn, faults, signal: cancelled.signal });
  return {
    ...conversation(() => cancelled.abort(new Error('The operation was cancelled.'))),
    configure: answer((request: messages.ConfigureRequest) => {
      const { values } = decode(request.getArgs());
      objects = hasUnknownAccess(values) ? undefined : new Objects(configOf(values));
      return new provider.ConfigureResponse().setAcceptsecrets(true).setSupportspreview(true);
    }),
    check: answer(answerCheck),
    diff: answer((request: messages.DiffRequest) => resources.diff(request)),
    create: answer((request: messages.CreateRequest) => resources.create(request)),
    read: answer((request: messages.ReadRequest) => resources.read(request)),
    update: answer((request: messages.UpdateRequest) => resources.update(request)),
    delete: answer((request: messages.DeleteRequest) => resources.remove(request)),
  };
}

/** What is not about a resource. */
function conversation(cancel: () => void): UntypedServiceImplementation {
  const nothing = () => new empty.Empty();
  return {
    handshake: answer(() => new provider.ProviderHandshakeResponse().setAcceptSecrets(true)),
    checkConfig: answer(answerCheckConfig),
    diffConfig: answer(answerDiffConfig),
    getSchema: answer(() =>
      new provider.GetSchemaResponse().setSchema(JSON.stringify({ name: 'kubernetes', version })),
    ),
    getPluginInfo: answer(() => new plugin.PluginInfo().setVersion(version)),
    invoke: answer((request: messages.InvokeRequest) => {
      throw new Error(`${request.getTok()}: the stand-in of Kubernetes plays no functions.`);
    }),
    attach: answer(nothing),
    cancel: answer(() => {
      cancel();
      return nothing();
    }),
  };
}

function answerCheckConfig(request: messages.CheckRequest): messages.CheckResponse {
  const list = checkConfig(decode(request.getNews()).values).map(({ property, reason }) =>
    new provider.CheckFailure().setProperty(property).setReason(reason),
  );
  return new provider.CheckResponse().setInputs(request.getNews()).setFailuresList(list);
}

function answerDiffConfig(request: messages.DiffRequest): messages.DiffResponse {
  const olds = decode(request.getOldInputs() ?? request.getOlds()).values;
  const news = decode(request.getNews()).values;
  const { DIFF_SOME, DIFF_NONE } = provider.DiffResponse.DiffChanges;
  const changed = [...new Set([...Object.keys(olds), ...Object.keys(news)])].filter((key) => olds[key] !== news[key]);
  const replaced = isOtherCluster(olds, news) ? changed : [];
  return new provider.DiffResponse()
    .setChanges(changed.length > 0 ? DIFF_SOME : DIFF_NONE)
    .setDiffsList(changed)
    .setReplacesList(replaced);
}

/** Inputs go back as they came, so that a secret deep in them stays where it is. */
function answerCheck(request: messages.CheckRequest): messages.CheckResponse {
  typeOf(tokenOf(request.getUrn()));
  const why = nameless(decode(request.getNews()).values);
  const failures = why === undefined ? [] : [new provider.CheckFailure().setProperty('metadata.name').setReason(why)];
  return new provider.CheckResponse().setInputs(request.getNews()).setFailuresList(failures);
}

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
  if (error instanceof InitFailed) return error.asReply();
  return { code: status.UNKNOWN, details: error instanceof Error ? error.message : String(error) };
}
