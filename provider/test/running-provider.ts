/**
 * The provider as the engine sees it: its own executable, asked over gRPC. Calls are in plain values; a refused call
 * rejects with the provider's sentence. What the provider tells the engine is collected in `warnings`.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { credentials, Server, ServerCredentials, type ServiceError } from '@grpc/grpc-js';
import { EngineService } from '@pulumi/pulumi/proto/engine_grpc_pb.js';
import type { LogRequest } from '@pulumi/pulumi/proto/engine_pb.js';
import { ResourceProviderClient } from '@pulumi/pulumi/proto/provider_grpc_pb.js';
import provider from '@pulumi/pulumi/proto/provider_pb.js';
import empty from 'google-protobuf/google/protobuf/empty_pb.js';
import { decode, encode, type Properties } from '../wire.ts';

export interface Resource {
  readonly type: string;
  readonly name: string;
}

type Reply<Response> = (error: ServiceError | null, response: Response) => void;

export class RunningProvider implements AsyncDisposable {
  readonly warnings: string[] = [];
  readonly #child: ChildProcess;
  readonly #client: ResourceProviderClient;
  readonly #engine: Server;

  constructor(child: ChildProcess, client: ResourceProviderClient, engine: Server, warnings: string[]) {
    this.#child = child;
    this.#client = client;
    this.#engine = engine;
    this.warnings = warnings;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async check(of: Resource, news: Properties) {
    const request = new provider.CheckRequest().setUrn(urn(of)).setNews(encode(news));
    const response = await this.#ask<InstanceType<typeof provider.CheckResponse>>((reply) =>
      this.#client.check(request, reply),
    );
    const failures = response
      .getFailuresList()
      .map((one) => ({ property: one.getProperty(), reason: one.getReason() }));
    return { ...decode(response.getInputs()), failures };
  }

  async diff(of: Resource, olds: Properties, news: Properties) {
    const request = new provider.DiffRequest()
      .setUrn(urn(of))
      .setOlds(encode(olds))
      .setOldInputs(encode(olds))
      .setNews(encode(news));
    const response = await this.#ask<InstanceType<typeof provider.DiffResponse>>((reply) =>
      this.#client.diff(request, reply),
    );
    return {
      changes: response.getChanges(),
      replaces: response.getReplacesList(),
      paths: response
        .getDetaileddiffMap()
        .getEntryList()
        .map(([path]) => path),
    };
  }

  async create(of: Resource, inputs: Properties, preview = false) {
    const request = new provider.CreateRequest().setUrn(urn(of)).setProperties(encode(inputs)).setPreview(preview);
    const response = await this.#ask<InstanceType<typeof provider.CreateResponse>>((reply) =>
      this.#client.create(request, reply),
    );
    return { id: response.getId(), state: decode(response.getProperties()).values };
  }

  async read(of: Resource, id: string, inputs: Properties, state: Properties = inputs) {
    const request = new provider.ReadRequest()
      .setUrn(urn(of))
      .setId(id)
      .setInputs(encode(inputs))
      .setProperties(encode(state));
    const response = await this.#ask<InstanceType<typeof provider.ReadResponse>>((reply) =>
      this.#client.read(request, reply),
    );
    return {
      id: response.getId(),
      inputs: decode(response.getInputs()).values,
      state: decode(response.getProperties()).values,
    };
  }

  async update(of: Resource, id: string, olds: Properties, news: Properties, preview = false) {
    const request = new provider.UpdateRequest()
      .setUrn(urn(of))
      .setId(id)
      .setOlds(encode(olds))
      .setOldInputs(encode(olds))
      .setNews(encode(news))
      .setPreview(preview);
    const response = await this.#ask<InstanceType<typeof provider.UpdateResponse>>((reply) =>
      this.#client.update(request, reply),
    );
    return { state: decode(response.getProperties()).values };
  }

  async delete(of: Resource, id: string, inputs: Properties): Promise<void> {
    const request = new provider.DeleteRequest()
      .setUrn(urn(of))
      .setId(id)
      .setProperties(encode(inputs))
      .setOldInputs(encode(inputs));
    await this.#ask((reply) => this.#client.delete(request, reply));
  }

  async cancel(): Promise<void> {
    await this.#ask((reply) => this.#client.cancel(new empty.Empty(), reply));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.close();
    const ended = this.#child.exitCode === null ? once(this.#child, 'exit') : undefined;
    this.#child.kill();
    await ended;
    this.#engine.forceShutdown();
  }

  #ask<Response>(call: (reply: Reply<Response>) => unknown): Promise<Response> {
    return new Promise((resolve, reject) => {
      call((error, response) => (error ? reject(new Error(error.details)) : resolve(response)));
    });
  }
}

export async function startProvider(): Promise<RunningProvider> {
  const warnings: string[] = [];
  const { engine, address } = await startEngine(warnings);
  const child = spawn(join(import.meta.dirname, '..', 'pulumi-resource-portolan'), [address], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [port] = await Promise.race([
    once(createInterface(child.stdout), 'line'),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`the provider ended with ${code}`))),
  ]);
  const client = new ResourceProviderClient(`127.0.0.1:${port}`, credentials.createInsecure());
  return new RunningProvider(child, client, engine, warnings);
}

async function startEngine(warnings: string[]): Promise<{ engine: Server; address: string }> {
  const engine = new Server();
  engine.addService(EngineService, {
    log: (call: { request: LogRequest }, reply: Reply<unknown>) => {
      warnings.push(call.request.getMessage());
      reply(null, new empty.Empty());
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    engine.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  return { engine, address: `127.0.0.1:${port}` };
}

const urn = ({ type, name }: Resource): string => `urn:pulumi:test::test::${type}::${name}`;
