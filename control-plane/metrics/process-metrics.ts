/** Metrics of this process (prom-client's defaults, in a registry of our own), and the federation's behind them. */
import { collectDefaultMetrics, Registry } from 'prom-client';
import type { FederationCounters } from './federation-counters.ts';

/** Prometheus text, made at each scrape. */
export function metricsText(counters: FederationCounters): () => Promise<string> {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return async () => `${await registry.metrics()}\n${counters.render()}`;
}
