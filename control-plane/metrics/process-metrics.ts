/** Metrics of this process (prom-client's defaults, in a registry of our own), and the federation's behind them. */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { FederationCounters } from './federation-counters.ts';

/** What is counted and shown of public certificates. */
export class CertificateMetrics {
  readonly #failures = new Map<string, number>();
  #notAfter: () => ReadonlyMap<string, number> = () => new Map();

  /** An order of a plane failed. */
  failed(plane: string): void {
    this.#failures.set(plane, (this.#failures.get(plane) ?? 0) + 1);
  }

  /** Plane → s since epoch, asked at each scrape. */
  shows(notAfter: () => ReadonlyMap<string, number>): void {
    this.#notAfter = notAfter;
  }

  register(registry: Registry): void {
    const named = { labelNames: ['plane'] as const, registers: [registry] };
    const [failures, notAfter] = [this.#failures, (): ReadonlyMap<string, number> => this.#notAfter()];
    new Gauge({
      ...named,
      name: 'portolan_certificate_not_after_seconds',
      help: 'When the public certificate of a plane that gets it by ACME ends, in seconds since the epoch.',
      collect() {
        this.reset();
        for (const [plane, seconds] of notAfter()) this.set({ plane }, seconds);
      },
    });
    new Counter({
      ...named,
      name: 'portolan_acme_failures_total',
      help: 'Orders of public certificates that failed, by plane, since this process started.',
      collect() {
        this.reset();
        for (const [plane, times] of failures) this.inc({ plane }, times);
      },
    });
  }
}

/** Prometheus text, made at each scrape. */
export function metricsText(counters: FederationCounters, certificates: CertificateMetrics): () => Promise<string> {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  certificates.register(registry);
  return async () => `${await registry.metrics()}\n${counters.render()}`;
}
