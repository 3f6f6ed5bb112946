// A Pulumi language host for Node, used when the CLI has no official one beside it (that one cannot be had from Go
// modules). Speaks pulumirpc.LanguageRuntime (pulumi/language.proto). This file holds the server and its life; what the
// methods do is in language-runtime.ts. Invariant: the first line on stdout is the port; what follows is programs' own.

import { Server, ServerCredentials } from '@grpc/grpc-js';
import services from '@pulumi/pulumi/proto/language_grpc_pb.js';
import { languageRuntime } from './language-runtime.ts';

const largestMessage = 400 * 1024 * 1024;
const parentPollMs = 500;

const engine = engineAddress(process.argv.slice(2));
const ended = new AbortController();

// the engine interrupts the process group when it is done; a killed CLI interrupts nobody
process.on('SIGINT', leave);
process.on('SIGTERM', leave);
const parent = process.ppid;
setInterval(() => process.ppid !== parent && leave(), parentPollMs).unref();

const server = new Server({
  'grpc.max_receive_message_length': largestMessage,
  'grpc.max_send_message_length': largestMessage,
});
server.addService(services.LanguageRuntimeService, languageRuntime(engine, ended.signal));
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  process.stdout.write(`${port}\n`);
});

function leave(): void {
  ended.abort();
  server.forceShutdown();
  process.exit(0);
}

/** The engine's address is the one argument that is no flag; it is missing when the CLI only asks about the host. */
function engineAddress(args: readonly string[]): string {
  const flagsWithValue = new Set(['--tracing', '-tracing', '--root', '-root']);
  const plain = args.filter((arg, at) => !arg.startsWith('-') && !flagsWithValue.has(args[at - 1] ?? ''));
  return plain.at(-1) ?? '';
}
