/** What Prometheus is told to read and to ring for: objects of the Prometheus operator (monitoring.coreos.com/v1). */
import { labelsOf, namespaceOf, type Part, selectorOf } from '../names.ts';
import { type Manifest, manifest } from './manifest.ts';
import { metadataOf, type PlaneOnSite } from './plane.ts';

interface Alert {
  readonly alert: string;
  /** PromQL, true while it rings. */
  readonly expr: string;
  readonly for: string;
  readonly severity: 'page' | 'ticket';
  readonly summary: string;
}

export function monitoring(on: PlaneOnSite, part: Part & keyof typeof alerts): readonly Manifest[] {
  if (on.site.monitoring === 'none') return [];
  const apiVersion = 'monitoring.coreos.com/v1';
  const podMonitor = manifest('CustomResource', 'pod-monitor', {
    apiVersion,
    kind: 'PodMonitor',
    metadata: metadataOf(on, part, part),
    spec: {
      selector: { matchLabels: selectorOf(part, on.plane) },
      podMetricsEndpoints: [{ port: 'metrics', path: '/metrics' }],
    },
  });
  const rules = alerts[part](on.plane, namespaceOf(on.site.namespacePrefix, on.plane)).map(
    ({ severity, summary, ...rule }) => ({
      ...rule,
      labels: { severity, ...labelsOf(part, on.plane) },
      annotations: { summary },
    }),
  );
  const prometheusRule = manifest('CustomResource', 'alerts', {
    apiVersion,
    kind: 'PrometheusRule',
    metadata: metadataOf(on, part, part),
    spec: { groups: [{ name: `portolan-${part}-${on.plane}`, rules }] },
  });
  return [podMonitor, prometheusRule];
}

// table: what rings, when, and what the person who is woken reads. Thresholds: design of the planes (renewal at two thirds of
// a certificate's 24 h, snapshots every 30 s, a spool of 256 MB).
const alerts = {
  gateway: (plane: string, namespace: string): readonly Alert[] => [
    {
      alert: 'PortolanHopErrors',
      expr: `sum(rate(mcp_gateway_to_gateway_errors{namespace="${namespace}"}[5m])) > 0.05 * sum(rate(mcp_proxy_requests_total{namespace="${namespace}"}[5m]))`,
      for: '5m',
      severity: 'page',
      summary: `More than 1 in 20 calls of gateway ${plane} fails on its way to another gateway: look at the label "to" and at that gateway.`,
    },
    {
      alert: 'PortolanSnapshotLag',
      expr: `max(portolan_snapshot_age_seconds{namespace="${namespace}"}) > 12 * 3600`,
      for: '10m',
      severity: 'page',
      summary: `Gateway ${plane} has had no snapshot for 12 h; it stops serving at maxStaleness (24 h): look at NATS and at the control plane.`,
    },
    {
      alert: 'PortolanCertificateAge',
      expr: `min(portolan_certificate_expiry_timestamp_seconds{namespace="${namespace}"}) - time() < 4 * 3600`,
      for: '10m',
      severity: 'page',
      summary: `The mesh certificate of a replica of gateway ${plane} ends within 4 h and was not renewed: look at its log and at the control plane.`,
    },
    {
      alert: 'PortolanAuditSpool',
      expr: `max(portolan_spool_bytes{namespace="${namespace}"}) > 128 * 1024 * 1024`,
      for: '10m',
      severity: 'page',
      summary: `The audit spool of a replica of gateway ${plane} is half full; when it is full (256 MiB) calls are refused: look at NATS and at the ledger.`,
    },
    {
      alert: 'PortolanAuditDropped',
      expr: `sum(increase(portolan_spool_dropped_total{namespace="${namespace}"}[10m])) > 0`,
      for: '0m',
      severity: 'ticket',
      summary: `Gateway ${plane} has dropped audit records, as audit.onFull: drop-oldest says.`,
    },
  ],
  'control-plane': (plane: string, namespace: string): readonly Alert[] => [
    {
      alert: 'PortolanControlPlaneAway',
      expr: `absent(up{namespace="${namespace}",pod=~"control-plane-.*"} == 1)`,
      for: '5m',
      severity: 'page',
      summary: `No replica of control plane ${plane} answers: gateways go on serving by their last snapshot, nothing can be changed.`,
    },
    {
      alert: 'PortolanPublicCertificateAge',
      expr: `min by (plane) (portolan_certificate_not_after_seconds{namespace="${namespace}"}) - time() < 14 * 24 * 3600`,
      for: '1h',
      severity: 'page',
      summary:
        'The public certificate of the plane in label "plane" ends within 14 days and was not renewed: look at GET /status and at the log of the control plane.',
    },
    {
      alert: 'PortolanPublicCertificateFailures',
      expr: `sum(increase(portolan_acme_failures_total{namespace="${namespace}"}[6h])) > 3`,
      for: '0m',
      severity: 'ticket',
      summary: 'Orders of public certificates fail: GET /status says which, and why.',
    },
  ],
} as const;
