/** The door of metrics. */
export { FederationCounters, MetricsReport } from './federation-counters.ts';
export { CertificateMetrics, metricsText } from './process-metrics.ts';
