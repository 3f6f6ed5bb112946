/** Alerts can ring: every metric that one names is one that a plane shows, and every label is Prometheus's own or the metric's. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { record } from '../../components/test/recorded-program.ts';
import { kubernetes } from '../../stacks/kubernetes.ts';
import { type Loose, settingsOf } from './settings.ts';

const root = join(import.meta.dirname, '..', '..');
const sources = globSync(['gateway/adapters/*.ts', 'control-plane/{metrics,acme}/**/*.ts'], { cwd: root })
  .filter((file) => !file.endsWith('.test.ts'))
  .map((file) => readFileSync(join(root, file), 'utf8'))
  .join('\n');

test('every metric of every alert is one that its plane shows', async () => {
  using settings = settingsOf('onprem', (all) => {
    for (const site of Object.values<Loose>(all.sites))
      Object.assign(site, { monitoring: 'prometheus-operator', scrapers: 'monitoring' });
  });
  const registered = await record(() => kubernetes(settings.value));
  const rules = registered.filter(({ inputs }) => inputs.kind === 'PrometheusRule');
  expect(rules.map(({ name }) => name).sort()).toEqual(['berlin-alerts', 'control-alerts', 'paris-alerts']);
  for (const { inputs } of rules)
    for (const { alert, expr } of inputs.spec.groups[0].rules) {
      const metrics = [...String(expr).matchAll(/\b([a-z]+(?:_[a-z]+)+)\{([^}]*)\}/g)];
      expect(metrics.length + (expr.includes('up{') ? 1 : 0), alert).toBeGreaterThan(0);
      for (const [, metric, labels = ''] of metrics) {
        expect(sources, `${alert} names ${metric}`).toContain(`${metric}`);
        expect(labels, alert).toBe(`namespace="${inputs.metadata.namespace}"`);
      }
    }
});
