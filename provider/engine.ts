/** The engine's side of the conversation: lines that it shows beside a resource (pulumirpc.Engine/Log). */
import { credentials } from '@grpc/grpc-js';
import { EngineClient } from '@pulumi/pulumi/proto/engine_grpc_pb.js';
import engine from '@pulumi/pulumi/proto/engine_pb.js';

export type Warn = (urn: string, sentence: string) => void;

/** @param address `host:port` of the engine; empty when nobody listens (tests, `pulumi plugin`): then nothing is said. */
export function warnEngine(address: string): Warn {
  if (address === '') return () => {};
  const client = new EngineClient(address, credentials.createInsecure());
  return (urn, sentence) => {
    const line = new engine.LogRequest().setSeverity(engine.LogSeverity.WARNING).setUrn(urn).setMessage(sentence);
    client.log(line, () => {}); // a warning that cannot be delivered must not fail the operation
  };
}
