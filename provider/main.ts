/**
 * The provider's process: opens the gRPC server, prints its port (and nothing else) on stdout, ends with the engine.
 * What is answered is server.ts's.
 */
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { ResourceProviderService } from '@pulumi/pulumi/proto/provider_grpc_pb.js';
import { warnEngine } from './engine.ts';
import { kinds } from './resources/index.ts';
import { resourceProvider } from './server.ts';

const largestMessage = 400 * 1024 * 1024;
const parentPollMs = 500;

/** The engine's address is the one argument that is no flag. */
const engineAddress = process.argv.slice(2).find((arg) => !arg.startsWith('-')) ?? '';

endWithTheEngine();

const server = new Server({
  'grpc.max_receive_message_length': largestMessage,
  'grpc.max_send_message_length': largestMessage,
});
server.addService(ResourceProviderService, resourceProvider(kinds, warnEngine(engineAddress)));
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  process.stdout.write(`${port}\n`);
});

/** The engine ends its plugins; a killed one cannot, and a provider without an engine would stay for ever. */
function endWithTheEngine(): void {
  const parent = process.ppid;
  setInterval(() => process.ppid !== parent && process.exit(0), parentPollMs).unref();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0));
}
