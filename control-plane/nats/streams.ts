/**
 * The two streams, made where they are missing and brought to this form where they differ. They are a pipe and a cache: nothing here is the only copy.
 */
import {
  DiscardPolicy,
  type JetStreamManager,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from '@nats-io/jetstream';
import { type NatsConnection, nanos } from '@nats-io/transport-node';
import { streams } from '@portolan/core';

type Stream = Partial<StreamConfig> & { readonly name: string };
const STREAM_NOT_FOUND = 10_059;

/** Last value of each gateway's snapshot, read by `DIRECT.GET` and pushed to whoever listens under the gateway's own name. */
const configStream = (replicas: number): Stream => ({
  name: streams.config,
  subjects: [`cfg.*.>`],
  storage: StorageType.File,
  retention: RetentionPolicy.Limits,
  discard: DiscardPolicy.Old,
  max_msgs_per_subject: 5,
  max_consumers: 1,
  allow_direct: true,
  republish: { src: 'cfg.*.>', dest: 'push.{{wildcard(1)}}.>' },
  num_replicas: replicas,
});

/** Audit records until the ledger has them: an acknowledged one is gone, a full stream refuses, and the spools keep what it refused. */
const auditStream = (replicas: number): Stream => ({
  name: streams.audit,
  subjects: ['audit.*.>'],
  storage: StorageType.File,
  retention: RetentionPolicy.Workqueue,
  discard: DiscardPolicy.New,
  max_bytes: 512 * 1024 * 1024,
  duplicate_window: nanos(120_000),
  num_replicas: replicas,
});

/** A replica on each of `servers`. More replicas than servers that are up cannot be made: rejects until they are. */
export async function ensureStreams(nc: NatsConnection, servers: 1 | 3): Promise<JetStreamManager> {
  const manager = await jetstreamManager(nc, { timeout: 5_000 });
  for (const stream of [configStream, auditStream]) await ensure(manager, stream(servers));
  return manager;
}

async function ensure(manager: JetStreamManager, stream: Stream): Promise<void> {
  try {
    await manager.streams.update(stream.name, stream);
  } catch (error) {
    if ((error as { code?: unknown }).code !== STREAM_NOT_FOUND) throw error;
    await manager.streams.add(stream);
  }
}
