/** An object that was made and is not ready: the engine keeps it in the state, and the next `up` goes on from there. */
import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import provider from '@pulumi/pulumi/proto/provider_pb.js';
import statusMessages from '@pulumi/pulumi/proto/status_pb.js';
import anyMessages from 'google-protobuf/google/protobuf/any_pb.js';
import type { Struct } from 'google-protobuf/google/protobuf/struct_pb.js';

export class InitFailed extends Error {
  readonly #id: string;
  readonly #properties: Struct;
  readonly #inputs: Struct;

  constructor(message: string, id: string, properties: Struct, inputs: Struct) {
    super(message);
    this.#id = id;
    this.#properties = properties;
    this.#inputs = inputs;
  }

  /** google.rpc.Status in `grpc-status-details-bin`, with pulumirpc.ErrorResourceInitFailed. */
  asReply(): Partial<ServiceError> {
    const detail = new provider.ErrorResourceInitFailed()
      .setId(this.#id)
      .setProperties(this.#properties)
      .setInputs(this.#inputs)
      .setReasonsList([this.message]);
    const packed = new anyMessages.Any();
    packed.pack(detail.serializeBinary(), 'pulumirpc.ErrorResourceInitFailed');
    const whole = new statusMessages.Status();
    whole.setCode(status.UNKNOWN);
    whole.setMessage(this.message);
    whole.addDetails(packed);
    const metadata = new Metadata();
    metadata.add('grpc-status-details-bin', Buffer.from(whole.serializeBinary()));
    return { code: status.UNKNOWN, details: this.message, metadata };
  }
}
