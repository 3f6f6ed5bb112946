/**
 * The settings of program `kubernetes` (docs/kubernetes.md): sites, planes, and what is registered. What is under `sites` are the
 * arguments of KubernetesSite, which checks them itself. No secret.
 */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';

const Name = z
  .string()
  .regex(
    /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/,
    'expected 1–63 of a-z, 0-9 and -, starting and ending with a letter or digit',
  );
const Duration = z.string().regex(/^\d{1,9}[smhd]$/, 'expected a duration such as 90s, 15m, 24h or 30d');
const Globs = z.array(z.string().min(1)).min(1);

/** Of the file that the engine's machine has: `~/` is its user's home, others are relative to the project's folder. */
const File = z
  .string()
  .min(1)
  .transform((path) => (path.startsWith('~/') ? join(homedir(), path.slice(2)) : resolve(path)));

const Site = z.looseObject({
  cluster: z.looseObject({ kubeconfig: File }),
  caFile: File.optional(),
  adminTokenFile: File.optional(),
});
/** Passed on as it is: the planes check it. */
const Certificate = z.unknown().optional();

/** Passed on, too. */
const Certificates = z.looseObject({ caFile: File.optional() });

/** The planes check them. */
const plane = {
  site: Name,
  url: z.string(),
  certificate: Certificate,
  public: z.literal(true, 'expected true, or leave it out').optional(),
  callerCidrs: z.array(z.string()).optional(),
  callerNamespaces: z.array(z.string()).optional(),
};

const Gateway = z.strictObject({
  ...plane,
  dial: z.string().optional(),
  allowedOrigins: z.array(z.string()).optional(),
  allowedHosts: z.array(z.string()).optional(),
  description: z.string().optional(),
});

const Server = z.strictObject({
  gateway: Name,
  url: z.string(),
  description: z.string().optional(),
  tools: z.strictObject({ include: Globs.optional(), exclude: Globs.optional() }).optional(),
});

const Grant = z.strictObject({
  user: Name,
  server: Name,
  effect: z.enum(['allow', 'deny']).optional(),
  everything: z.literal(true).optional(),
  tools: Globs.optional(),
  prompts: Globs.optional(),
  resources: Globs.optional(),
});

export const KubernetesSettings = z
  .strictObject({
    program: z.literal('kubernetes'),
    federation: Name,
    sites: z.record(Name, Site).refine((sites) => Object.keys(sites).length > 0, 'expected at least one site'),
    control: z.strictObject({
      ...plane,
      certificates: Certificates.optional(),
      certificateLife: Duration.optional(),
      maxStaleness: Duration.optional(),
      renewGrace: Duration.optional(),
      auditRetention: Duration.optional(),
    }),
    gateways: z.record(Name, Gateway).refine((all) => Object.keys(all).length > 0, 'expected at least one gateway'),
    servers: z.record(Name, Server).default({}),
    users: z.array(Name).default([]),
    grants: z.record(Name, Grant).default({}),
  })
  .superRefine(({ sites, control, gateways, servers, users, grants }, context) => {
    const expectNamed = (path: (string | number)[], name: string, among: Iterable<string>, what: string): void => {
      const names = [...among];
      if (names.includes(name)) return;
      const message = `expected one of the ${what} (${names.join(', ') || 'there are none'}); got "${name}"`;
      context.addIssue({ code: 'custom', path, message });
    };
    expectNamed(['control', 'site'], control.site, Object.keys(sites), 'sites');
    for (const [name, { site }] of Object.entries(gateways))
      expectNamed(['gateways', name, 'site'], site, Object.keys(sites), 'sites');
    for (const [name, { gateway }] of Object.entries(servers))
      expectNamed(['servers', name, 'gateway'], gateway, Object.keys(gateways), 'gateways');
    for (const [name, { user, server }] of Object.entries(grants)) {
      expectNamed(['grants', name, 'user'], user, users, 'users');
      expectNamed(['grants', name, 'server'], server, Object.keys(servers), 'servers');
    }
  });
export type KubernetesSettings = z.output<typeof KubernetesSettings>;
