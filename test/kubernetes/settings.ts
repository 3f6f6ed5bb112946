/** Settings of a stack in the repository, with a kubeconfig that is there. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';

// biome-ignore lint/suspicious/noExplicitAny: settings are changed in tests as a person's editor would
export type Loose = any;

export interface StackSettings extends Disposable {
  readonly value: Readonly<Record<string, unknown>>;
}

export function settingsOf(stack: string, change: (settings: Loose) => void = () => {}): StackSettings {
  const dir = mkdtempSync(join(tmpdir(), 'portolan-settings-'));
  const kubeconfig = join(dir, 'kubeconfig');
  writeFileSync(kubeconfig, '');
  const text = readFileSync(join(import.meta.dirname, '..', '..', 'stacks', `Pulumi.${stack}.yaml`), 'utf8');
  const { config } = parse(text, { merge: true }) as { config: Record<string, unknown> };
  const own = Object.entries(config).map(([key, value]) => [key.split(':')[1] ?? '', value]);
  const value = structuredClone(Object.fromEntries(own));
  for (const site of Object.values<Loose>(value.sites as Loose)) site.cluster.kubeconfig = kubeconfig;
  change(value);
  return { value, [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }) };
}
