/**
 * A provider that makes nothing: it answers what it is told, and one value that only an update knows (`metadata.uid`). Rules
 * are about what a program declares, so no more is needed to see the engine ask them.
 */
import { type handleUnaryCall, Server, ServerCredentials, type UntypedServiceImplementation } from '@grpc/grpc-js';
import plugin from '@pulumi/pulumi/proto/plugin_pb.js';
import { ResourceProviderService } from '@pulumi/pulumi/proto/provider_grpc_pb.js';
import type * as messages from '@pulumi/pulumi/proto/provider_pb.js';
import provider from '@pulumi/pulumi/proto/provider_pb.js';
import empty from 'google-protobuf/google/protobuf/empty_pb.js';
import struct from 'google-protobuf/google/protobuf/struct_pb.js';

const notYetKnown = '04da6b54-80e4-46f7-96ec-b56ff0331ba9';

function answer<Request, Response>(make: (request: Request) => Response): handleUnaryCall<Request, Response> {
  return ({ request }, reply) => reply(null, make(request));
}

const same = (request: messages.CheckRequest) => new provider.CheckResponse().setInputs(request.getNews());

const service: UntypedServiceImplementation = {
  handshake: answer(() => new provider.ProviderHandshakeResponse().setAcceptSecrets(true)),
  getPluginInfo: answer(() => new plugin.PluginInfo().setVersion('4.34.2')),
  getSchema: answer(() => new provider.GetSchemaResponse().setSchema('{}')),
  checkConfig: answer(same),
  diffConfig: answer(() => new provider.DiffResponse().setChanges(1)),
  configure: answer(() => new provider.ConfigureResponse().setAcceptsecrets(true).setSupportspreview(true)),
  check: answer(same),
  diff: answer(() => new provider.DiffResponse().setChanges(1)),
  create: answer((request: messages.CreateRequest) => {
    const made = request.getProperties()?.toJavaScript() ?? {};
    const metadata = { ...(made.metadata as object), uid: request.getPreview() ? notYetKnown : 'uid-of-it' };
    const properties = struct.Struct.fromJavaScript({ ...made, metadata } as never);
    return new provider.CreateResponse().setId(request.getPreview() ? '' : 'made').setProperties(properties);
  }),
  read: answer((request: messages.ReadRequest) =>
    new provider.ReadResponse()
      .setId(request.getId())
      .setProperties(request.getProperties())
      .setInputs(request.getInputs()),
  ),
  delete: answer(() => new empty.Empty()),
  cancel: answer(() => new empty.Empty()),
};

const server = new Server();
server.addService(ResourceProviderService, service);
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  process.stdout.write(`${port}\n`);
});

const parent = process.ppid;
setInterval(() => process.ppid !== parent && process.exit(0), 500).unref();
