/** The door of metrics. */
export { FederationCounters, MetricsReport } from './federation-counters.ts';
export { metricsText } from './process-metrics.ts';
