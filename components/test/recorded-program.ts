/**
 * Runs a piece of a program on Pulumi's mocks and returns what it registered. Stricter than the mocks alone: a URN that is
 * registered twice is an error, as under the engine.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as pulumi from '@pulumi/pulumi';
import type { LocalSiteArgs } from '../index.ts';

export interface Registered {
  readonly type: string;
  readonly name: string;
  // biome-ignore lint/suspicious/noExplicitAny: its shape is what the test asserts
  readonly inputs: any;
}

/** Waits for every registration. Rejects with what the program throws. */
export async function record(program: () => unknown): Promise<readonly Registered[]> {
  const registered: Registered[] = [];
  await pulumi.runtime.setMocks({
    newResource: ({ type, name, inputs }) => {
      if (registered.some((one) => one.type === type && one.name === name)) throw new Error(`twice: ${type} ${name}`);
      registered.push({ type, name, inputs });
      return { id: name, state: { ...inputs, ...computed(type, inputs) } };
    },
    call: ({ token }) => {
      throw new Error(`unexpected call of ${token}`);
    },
  });
  try {
    program();
  } finally {
    await pulumi.runtime.disconnect(); // waits for the calls that are under way
  }
  return registered;
}

/** What a cluster would add. */
function computed(type: string, { spec }: Registered['inputs']): object {
  if (type !== 'kubernetes:core/v1:Service' || spec.type !== 'LoadBalancer') return {};
  return { status: { loadBalancer: { ingress: [{ ip: spec.loadBalancerIP ?? '192.0.2.1' }] } } };
}

/** A folder with files that a LocalSite wants to be there; removed at the end. */
export class SiteFiles implements Disposable {
  readonly dir = mkdtempSync(join(tmpdir(), 'portolan-components-'));

  file(name: string, content = name): string {
    const path = join(this.dir, name);
    writeFileSync(path, content);
    return path;
  }

  /** Arguments of a LocalSite; `change` goes over them. */
  args(change: Partial<LocalSiteArgs> = {}): LocalSiteArgs {
    return {
      dir: join(this.dir, 'stack'),
      node: process.execPath,
      natsServer: this.file('nats-server'),
      controlPlaneBundle: this.file('control-plane.mjs'),
      gatewayBundle: this.file('gateway.mjs'),
      database: { kind: 'external', url: 'postgres://portolan@127.0.0.1:5432/portolan' },
      upstreamCidrs: [{ cidr: '127.0.0.0/8', ports: [18_481] }],
      ...change,
    };
  }

  [Symbol.dispose](): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}
