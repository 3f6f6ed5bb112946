/** Ports of one gateway with their data in memory: what a test asserts on (audit) or changes (registry, identity, clock). */
import { randomBytes } from 'node:crypto';
import type { AuditRecord } from '@portolan/core';
import { handleSealer } from '../adapters/handles/handle-sealer.ts';
import type {
  AuditLog,
  HandleSealer,
  Log,
  MeshCredentials,
  MeshIdentity,
  Meter,
  PublicCertificate,
  Registry,
  Tables,
} from '../ports.ts';

class Changing<T> {
  readonly #listeners = new Set<() => void>();
  #value: T;
  constructor(value: T) {
    this.#value = value;
  }
  current(): T {
    return this.#value;
  }
  set(value: T): void {
    this.#value = value;
    for (const listener of this.#listeners) listener();
  }
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

export class TestRegistry extends Changing<Tables | undefined> implements Registry {}
export class TestIdentity extends Changing<MeshCredentials | undefined> implements MeshIdentity {}
export class TestCertificate
  extends Changing<{ readonly key: string; readonly chain: string }>
  implements PublicCertificate {}

/** `delay`, when set, is awaited before a record counts as appended. */
export class TestAudit implements AuditLog {
  readonly records: AuditRecord[] = [];
  readonly notes: AuditRecord[] = [];
  accepting = true;
  delay: (() => Promise<void>) | undefined;
  accepts(): boolean {
    return this.accepting;
  }
  async append(record: AuditRecord): Promise<void> {
    await this.delay?.();
    this.records.push(record);
  }
  note(record: AuditRecord): void {
    this.notes.push(record);
  }
}

export class TestMeter implements Meter {
  readonly requests: object[] = [];
  readonly hops: object[] = [];
  readonly errors: object[] = [];
  request(labels: object): void {
    this.requests.push(labels);
  }
  proxied(labels: object): void {
    this.hops.push(labels);
  }
  hopError(labels: object): void {
    this.errors.push(labels);
  }
}

export function testSealer(): HandleSealer {
  const key = { kid: 'k1', createdAt: 1, secret: randomBytes(32) };
  return handleSealer({ newest: () => key, byId: (kid) => (kid === key.kid ? key : undefined) });
}

export class TestLog implements Log {
  readonly lines: { readonly level: string; readonly message: string; readonly fields: object }[] = [];
  info(fields: object, message: string): void {
    this.lines.push({ level: 'info', message, fields });
  }
  warn(fields: object, message: string): void {
    this.lines.push({ level: 'warn', message, fields });
  }
  error(fields: object, message: string): void {
    this.lines.push({ level: 'error', message, fields });
  }
}
