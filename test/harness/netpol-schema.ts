/** NetworkPolicies as an API server takes them (networking.k8s.io/v1, strict: unknown fields are refused). */
import { BlockList, isIP } from 'node:net';
import { z } from 'zod';

const Selector = z.strictObject({
  matchLabels: z.record(z.string(), z.string()).optional(),
  matchExpressions: z
    .array(
      z
        .strictObject({
          key: z.string(),
          operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']),
          values: z.array(z.string()).optional(),
        })
        .refine(
          ({ operator, values = [] }) => operator.endsWith('In') === values.length > 0,
          'values are for In and NotIn',
        ),
    )
    .optional(),
});

const IpBlock = z
  .strictObject({ cidr: z.string().refine(isCidr), except: z.array(z.string().refine(isCidr)).optional() })
  .refine(
    ({ cidr, except = [] }) => except.every((one) => strictlyWithin(cidr, one)),
    'except must lie strictly within cidr',
  );

const Peer = z
  .strictObject({
    ipBlock: IpBlock.optional(),
    namespaceSelector: Selector.optional(),
    podSelector: Selector.optional(),
  })
  .refine(
    ({ ipBlock, ...selectors }) => (ipBlock !== undefined) !== Object.keys(selectors).length > 0,
    'either ipBlock or selectors',
  );

const Port = z
  .strictObject({
    protocol: z.enum(['TCP', 'UDP', 'SCTP']).optional(),
    port: z.union([z.int().min(1).max(65_535), z.string()]).optional(),
    endPort: z.int().max(65_535).optional(),
  })
  .refine(
    ({ port, endPort }) => endPort === undefined || (typeof port === 'number' && endPort >= port),
    'endPort follows a number',
  );

const Rule = z.strictObject({
  from: z.array(Peer).optional(),
  to: z.array(Peer).optional(),
  ports: z.array(Port).optional(),
});

const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

export const NetworkPolicyObject = z.strictObject({
  apiVersion: z.literal('networking.k8s.io/v1'),
  kind: z.literal('NetworkPolicy'),
  metadata: z.strictObject({
    name: z.string().max(253).regex(subdomain),
    namespace: z.string(),
    labels: z.record(z.string(), z.string()).optional(),
    annotations: z.record(z.string(), z.string()).optional(),
  }),
  spec: z.strictObject({
    podSelector: Selector.optional(),
    policyTypes: z.array(z.enum(['Ingress', 'Egress'])).optional(),
    ingress: z.array(Rule.omit({ to: true })).optional(),
    egress: z.array(Rule.omit({ from: true })).optional(),
  }),
});
export type NetworkPolicyObject = z.infer<typeof NetworkPolicyObject>;

function isCidr(text: string): boolean {
  const [address = '', prefix = '', rest] = text.split('/');
  const version = isIP(address);
  return (
    rest === undefined && version !== 0 && /^\d{1,3}$/.test(prefix) && Number(prefix) <= (version === 4 ? 32 : 128)
  );
}

function strictlyWithin(outer: string, inner: string): boolean {
  const [network = '', prefix] = outer.split('/');
  const [address = '', innerPrefix] = inner.split('/');
  const family = isIP(network) === 4 ? 'ipv4' : 'ipv6';
  const list = new BlockList();
  list.addSubnet(network, Number(prefix), family);
  return isIP(network) === isIP(address) && Number(innerPrefix) > Number(prefix) && list.check(address, family);
}
