/** The engine's side of the conversation: lines that it shows beside a resource (pulumirpc.Engine/Log). */
import { credentials } from '@grpc/grpc-js';
import { EngineClient } from '@pulumi/pulumi/proto/engine_grpc_pb.js';
import engine from '@pulumi/pulumi/proto/engine_pb.js';

/** Settles when the engine has it, or cannot be told. */
export type Warn = (urn: string, sentence: string) => Promise<void>;

/** @param address `host:port` of the engine; empty when nobody listens (tests, `pulumi plugin`): then nothing is said. */
export function warnEngine(address: string): Warn {
  if (address === '') return async () => {};
  const client = new EngineClient(address, credentials.createInsecure());
  return (urn, sentence) => {
    const line = new engine.LogRequest().setSeverity(engine.LogSeverity.WARNING).setUrn(urn).setMessage(sentence);
    // a warning that cannot be delivered must not fail the operation
    return new Promise((resolve) => client.log(line, () => resolve()));
  };
}
