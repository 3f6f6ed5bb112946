/** Definitions of monitoring.coreos.com as far as ours use them: structural, and strict, so that a misspelt field is refused. */

type Schema = Readonly<Record<string, unknown>>;

const text: Schema = { type: 'string' };
const texts: Schema = { type: 'object', additionalProperties: text };
const object = (properties: Schema, ...required: string[]): Schema => ({
  type: 'object',
  properties,
  ...(required.length > 0 && { required }),
});
const list = (items: Schema): Schema => ({ type: 'array', items });

const selector = object({
  matchLabels: texts,
  matchExpressions: list(object({ key: text, operator: text, values: list(text) }, 'key', 'operator')),
});

const rule = object(
  {
    alert: text,
    record: text,
    expr: { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] },
    for: { type: 'string', pattern: '^(0|([0-9]+(ms|[smhdwy]))+)$' },
    keep_firing_for: text,
    labels: texts,
    annotations: texts,
  },
  'expr',
);

const relabelling = object({
  action: text,
  regex: text,
  replacement: text,
  separator: text,
  sourceLabels: list(text),
  targetLabel: text,
});

const prometheusRule = object({
  groups: list(
    object({ name: { type: 'string', minLength: 1 }, interval: text, labels: texts, rules: list(rule) }, 'name'),
  ),
});

const podMonitor = object(
  {
    jobLabel: text,
    podTargetLabels: list(text),
    selector,
    namespaceSelector: object({ any: { type: 'boolean' }, matchNames: list(text) }),
    podMetricsEndpoints: list(
      object({
        port: text,
        portNumber: { type: 'integer' },
        path: text,
        scheme: { type: 'string', enum: ['http', 'https', 'HTTP', 'HTTPS'] },
        interval: text,
        scrapeTimeout: text,
        honorLabels: { type: 'boolean' },
        relabelings: list(relabelling),
        metricRelabelings: list(relabelling),
      }),
    ),
  },
  'selector',
);

export interface Definition {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: Schema;
}

function definition(kind: string, plural: string, spec: Schema): Definition {
  const group = 'monitoring.coreos.com';
  const schema = object({ apiVersion: text, kind: text, metadata: { type: 'object' }, spec }, 'spec');
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { kind, plural, singular: kind.toLowerCase(), listKind: `${kind}List` },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema } }],
    },
  };
}

export const monitoringDefinitions: readonly Definition[] = [
  definition('PrometheusRule', 'prometheusrules', prometheusRule),
  definition('PodMonitor', 'podmonitors', podMonitor),
];
