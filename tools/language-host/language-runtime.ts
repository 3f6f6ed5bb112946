// The methods of pulumirpc.LanguageRuntime that the engine needs for Node programs, providers and policy packs. Code
// generation, installation and the like are left out: gRPC answers UNIMPLEMENTED for them.
// No package is named as required: the official host names every package with `pulumi.resource`, and the engine would
// then fetch plugins that a stack never uses.

import type { handleServerStreamingCall, handleUnaryCall, UntypedServiceImplementation } from '@grpc/grpc-js';
import type { RunPluginRequest, RunPluginResponse, RunRequest, RunResponse } from '@pulumi/pulumi/proto/language_pb.js';
import language from '@pulumi/pulumi/proto/language_pb.js';
import plugin from '@pulumi/pulumi/proto/plugin_pb.js';
import empty from 'google-protobuf/google/protobuf/empty_pb.js';
import { pluginLaunch, runPlugin } from './run-plugin.ts';
import { programLaunch, runProgram } from './run-program.ts';

/**
 * @param engine Address of the engine's gRPC server.
 * @param ended Aborts when the host ends; children end with it.
 */
export function languageRuntime(engine: string, ended: AbortSignal): UntypedServiceImplementation {
  return {
    handshake: answer(() => new language.LanguageHandshakeResponse()),
    getPluginInfo: answer(() => new plugin.PluginInfo().setVersion('1.0.0')),
    about: answer(() => new language.AboutResponse().setExecutable(process.execPath).setVersion(process.version)),
    cancel: answer(() => new empty.Empty()),
    getRequiredPackages: answer(() => new language.GetRequiredPackagesResponse()),
    getRequiredPlugins: answer(() => new language.GetRequiredPluginsResponse()),
    getProgramDependencies: answer(() => new language.GetProgramDependenciesResponse()),
    run: run(engine, ended),
    runPlugin: plugins(engine, ended),
  };
}

function answer<Response>(make: () => Response): handleUnaryCall<unknown, Response> {
  return (_call, reply) => reply(null, make());
}

function run(engine: string, ended: AbortSignal): handleUnaryCall<RunRequest, RunResponse> {
  return (call, reply) => {
    const gone = new AbortController();
    call.on('cancelled', () => gone.abort());
    const work = async () => runProgram(programLaunch(call.request, engine), AbortSignal.any([ended, gone.signal]));
    work().then(
      (response) => reply(null, response),
      (error: unknown) => reply(null, new language.RunResponse().setError(sentence(error))),
    );
  };
}

function plugins(engine: string, ended: AbortSignal): handleServerStreamingCall<RunPluginRequest, RunPluginResponse> {
  return (call) => {
    const gone = new AbortController();
    call.on('cancelled', () => gone.abort());
    const work = async () => {
      const launch = pluginLaunch(call.request, engine);
      await runPlugin(launch, (message) => call.write(message), AbortSignal.any([ended, gone.signal]));
    };
    work().then(
      () => call.end(),
      (error: unknown) => call.destroy(error instanceof Error ? error : new Error(String(error))),
    );
  };
}

function sentence(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
