/** The door of metrics. */
export { FederationCounters, MetricsReport } from './federation-counters.ts';
