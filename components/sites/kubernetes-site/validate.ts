/** Arguments of a KubernetesSite, checked: pure but for asking whether the files are there. */
import { existsSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { ReachRange, WorkloadIdentity } from '@portolan/core';
import { ArgumentError } from '@portolan/provider';
import { z } from 'zod';
import { GatewayImage } from '../../gateway-image/component.ts';
import { parseArguments } from '../../parse-arguments.ts';
import { expectDigest } from '../../rules/expect.ts';
import type { KubernetesSiteArgs } from './args.ts';
import type { Transforms } from './manifests/index.ts';

const File = z
  .string()
  .refine(isAbsolute, 'expected an absolute path')
  .refine(existsSync, 'expected a file that is there');
const Label = z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'expected 1–63 of a-z, 0-9 and -');
const KubernetesName = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/, 'expected a Kubernetes name: a-z, 0-9, - and .');
const IpAddress = z.ipv4('expected an IPv4 address; pods of planes listen on IPv4 alone');
const Cidr = ReachRange.shape.cidr;
const Image = z.string().min(1);
const Images = z.strictObject({
  gateway: Image,
  controlPlane: Image.optional(),
  nats: Image.optional(),
  postgres: Image.optional(),
});

const Ingresses = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('load-balancer'),
    class: z.string().min(1).optional(),
    annotations: z.record(z.string(), z.string()).optional(),
    addresses: z.record(Label, IpAddress).optional(),
  }),
  z.strictObject({
    kind: z.literal('node-port'),
    address: IpAddress,
    ports: z.record(Label, z.int().min(30_000).max(32_766)),
  }),
  z.strictObject({ kind: z.literal('given'), addresses: z.record(Label, IpAddress) }),
]);

const DatabaseUrl = z
  .string()
  .refine(isDatabaseUrl, 'expected postgres://user@host:port/database without a password; name the Secret that has it');

const Database = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('in-cluster') }),
  z.strictObject({
    kind: z.literal('given'),
    url: DatabaseUrl,
    passwordSecret: KubernetesName,
    cidrs: z.array(Cidr).min(1).readonly(),
  }),
]);

const Args = z.strictObject({
  cluster: z.strictObject({ kubeconfig: File, context: z.string().min(1).optional() }),
  platform: z.enum(['generic', 'eks', 'aks', 'gke']),
  tier: z.enum(['production', 'development']).default('production'),
  images: Images,
  ingress: Ingresses,
  egressCidrs: z.array(Cidr).min(1).readonly(),
  upstreamCidrs: z.array(ReachRange).min(1).readonly(),
  upstreamNamespaces: z
    .array(z.strictObject({ namespace: Label, ports: z.array(z.int().min(1).max(65_535)).min(1).readonly() }))
    .readonly()
    .optional(),
  apiServer: z.strictObject({ cidrs: z.array(Cidr).min(1).readonly(), port: z.int().min(1).max(65_535) }).optional(),
  balancerCidrs: z.array(Cidr).min(1).readonly().optional(),
  scrapers: Label.optional(),
  loginCidrs: z.array(Cidr).min(1).readonly().optional(),
  storageClass: KubernetesName.optional(),
  serviceAccounts: WorkloadIdentity.pick({ issuer: true, jwks: true })
    .extend({ jwksCidrs: z.array(Cidr).min(1).readonly().optional() })
    .refine(({ jwks, jwksCidrs }) => ('url' in jwks && jwks.url !== undefined) === (jwksCidrs !== undefined), {
      path: ['jwksCidrs'],
      error:
        'expected with jwks.url, and only then: the networks in which that URL is, so that the control plane is let out to it',
    }),
  database: Database.optional(),
  caFile: File.optional(),
  adminTokenFile: z.string().refine(isAbsolute, 'expected an absolute path').optional(),
  monitoring: z.enum(['prometheus-operator', 'none']).default('none'),
  namespacePrefix: Label.max(30).default('portolan'),
  labels: z.record(z.string(), z.string().max(63)).default({}),
});

export type KubernetesSitePlan = z.output<typeof Args> & { readonly transform: Transforms };

export function checkKubernetesSite(
  name: string,
  { transform = {}, images, ...args }: KubernetesSiteArgs,
): KubernetesSitePlan {
  const owner = `KubernetesSite(${name})`;
  const gateway = images?.gateway instanceof GatewayImage ? images.gateway.reference : images?.gateway;
  const plan = parseArguments(Args, owner, { ...args, images: { ...images, gateway } });
  if (plan.tier === 'production')
    for (const [image, reference] of Object.entries(plan.images)) expectDigest(`${owner}.images.${image}`, reference);
  if (plan.monitoring !== 'none' && plan.scrapers === undefined)
    throw new ArgumentError(
      `${owner}.scrapers`,
      'is needed with monitoring: the namespace of the Prometheus that reads metrics.',
    );
  for (const [kind, change] of Object.entries(transform))
    if (typeof change !== 'function') throw new ArgumentError(`${owner}.transform.${kind}`, 'expected a function.');
  return { ...plan, transform };
}

/** What only a control plane needs. Throws an ArgumentError that names what is missing. */
export function expectControlPlaneParts(name: string, plan: KubernetesSitePlan) {
  const missing = (path: string, what: string): never => {
    throw new ArgumentError(`KubernetesSite(${name}).${path}`, `is needed where a control plane runs: ${what}.`);
  };
  const { images, storageClass, apiServer, database } = plan;
  if (images.controlPlane === undefined) missing('images.controlPlane', 'the image of the control plane');
  if (images.nats === undefined) missing('images.nats', 'an image of nats-server 2.15');
  if (storageClass === undefined) missing('storageClass', 'a StorageClass of the cluster (`kubectl get storageclass`)');
  if (apiServer === undefined)
    missing('apiServer', 'the address of the cluster API (`kubectl get endpoints kubernetes`)');
  if (database === undefined)
    return missing('database', '{ kind: "given", … } or, for development, { kind: "in-cluster" }');
  if (database.kind === 'in-cluster' && images.postgres === undefined)
    missing('images.postgres', 'for a database in the cluster');
  return database;
}

/** Address of the plane, if the arguments say it; undefined: the balancer will. Throws an ArgumentError for a URL that the ingress does not serve. */
export function ingressOf(
  name: string,
  { ingress }: KubernetesSitePlan,
  plane: { readonly owner: string; readonly name: string; readonly url: string },
): { readonly address: string | undefined; readonly port: number } {
  const port = Number(new URL(plane.url).port || 443);
  const lacks = (path: string): never => {
    throw new ArgumentError(
      `KubernetesSite(${name}).ingress.${path}`,
      `has nothing for ${plane.owner}; add ${plane.name}: … there.`,
    );
  };
  const expects = (wanted: number): void => {
    if (port === wanted) return;
    throw new ArgumentError(
      `${plane.owner}.url`,
      `expected port ${wanted}, which the ingress of its site serves; got "${plane.url}".`,
    );
  };
  if (ingress.kind === 'node-port') {
    expects(ingress.ports[plane.name] ?? lacks('ports'));
    return { address: ingress.address, port };
  }
  expects(443);
  if (ingress.kind === 'given') return { address: ingress.addresses[plane.name] ?? lacks('addresses'), port };
  return { address: ingress.addresses?.[plane.name], port };
}

function isDatabaseUrl(text: string): boolean {
  const url = URL.parse(text);
  const isPostgres = url !== null && /^postgres(ql)?:$/.test(url.protocol);
  return isPostgres && url.username !== '' && url.password === '' && !url.searchParams.has('password');
}
