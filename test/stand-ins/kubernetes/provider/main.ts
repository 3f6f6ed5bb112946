/** The provider's process: opens the gRPC server, prints its port (and nothing else) on stdout, ends with the engine. */
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { ResourceProviderService } from '@pulumi/pulumi/proto/provider_grpc_pb.js';
import { warnEngine } from '../../../../provider/engine.ts';
import { faultsOf } from './faults.ts';
import { kubernetesProvider } from './server.ts';

const largestMessage = 400 * 1024 * 1024;
const parentPollMs = 500;

/** The engine's address is the one argument that is no flag. */
const engineAddress = process.argv.slice(2).find((arg) => !arg.startsWith('-')) ?? '';

const parent = process.ppid;
setInterval(() => process.ppid !== parent && process.exit(0), parentPollMs).unref();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0));

const server = new Server({
  'grpc.max_receive_message_length': largestMessage,
  'grpc.max_send_message_length': largestMessage,
});
server.addService(ResourceProviderService, kubernetesProvider(warnEngine(engineAddress), faultsOf(process.env)));
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  process.stdout.write(`${port}\n`);
});
