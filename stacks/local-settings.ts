/** The settings of program `local`, written by `npm run up` (docs/architecture.md "Local stack"): paths and addresses, no secret. */
import { isAbsolute } from 'node:path';
import { z } from 'zod';

const AbsolutePath = z.string().refine(isAbsolute, 'expected an absolute path');
const Command = z.strictObject({ command: z.string().min(1), args: z.array(z.string()) });
const Duration = z.string().regex(/^\d{1,9}[smhd]$/, 'expected a duration such as 90s, 15m, 24h or 30d');
const Name = z
  .string()
  .regex(
    /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/,
    'expected 1–63 of a-z, 0-9 and -, starting and ending with a letter or digit',
  );

/** Of what the program declares; `npm run up` knows which ports they have. */
const Urls = z.strictObject({
  control: z.url(),
  gateways: z.strictObject({ aws: z.url(), azure: z.url(), gcp: z.url(), onprem: z.url() }),
  servers: z.strictObject({
    'mcp-analytics': z.url(),
    'mcp-m365': z.url(),
    'mcp-devops': z.url(),
    'mcp-bigquery': z.url(),
    'mcp-legacy': z.url(),
  }),
});

const Local = z
  .strictObject({
    /** `.portolan/<stack>`: everything of the running stack. */
    dir: AbsolutePath,
    urls: Urls,
    /** The only ports of this machine that gateways dial for MCP servers. */
    upstreamPorts: z.array(z.int().min(1).max(65_535)).min(1),
    node: AbsolutePath,
    natsServer: AbsolutePath,
    controlPlaneBundle: AbsolutePath,
    gatewayBundle: AbsolutePath,
    /** Folder of the example MCP servers. */
    examples: AbsolutePath,
    /** A PostgreSQL of the stack's own. */
    postgres: z
      .strictObject({
        command: z.string().min(1),
        args: z.array(z.string()),
        prepare: z.array(Command),
        passFile: AbsolutePath,
        url: z.string(),
      })
      .optional(),
    /** Or one that is there already, without a password. */
    databaseUrl: z.string().optional(),
    passFile: AbsolutePath.optional(),
  })
  .refine(
    ({ postgres, databaseUrl }) => (postgres === undefined) !== (databaseUrl === undefined),
    'expected either postgres or databaseUrl',
  );

export const LocalSettings = z.strictObject({
  program: z.literal('local'),
  federation: Name,
  /** @default '24h' */
  certificateLife: Duration.default('24h'),
  local: Local,
});
export type LocalSettings = z.output<typeof LocalSettings>;
