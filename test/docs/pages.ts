/**
 * The pages of docs/ that are made from code: errors.md from the fault table, configuration.md from the schemas of the processes, flows.md from the flows.
 * Pure: returns texts. `npm run docs` writes them, docs.test.ts fails where a page differs.
 */
import { type Fault, faults } from '@portolan/core';
import { z } from 'zod';
import { ControlPlane } from '../../control-plane/config.ts';
import { NatsAgent } from '../../control-plane/nats-agent/config.ts';
import { ConfigFile } from '../../gateway/config-schema.ts';
import { flowsPage } from './flows-page.ts';

interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly enum?: readonly unknown[];
}

/** Page name → text. */
export const pages = (): ReadonlyMap<string, string> =>
  new Map([
    ['errors.md', errorsPage()],
    ['configuration.md', configurationPage()],
    ['flows.md', flowsPage()],
  ]);

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

function errorsPage(): string {
  const rows = Object.entries(faults as Readonly<Record<string, Fault>>).map(
    ([code, fault]) =>
      `| \`${code}\` | ${fault.http} | ${fault.rpc} | ${fault.audit} | ${fault.retry ? 'yes' : 'no'} | ${cell(fault.says)} |`,
  );
  return `# Errors

Made from \`core/errors.ts\` by \`npm run docs\`.

A refused or failed call is answered with the HTTP status below. Where the request had a JSON-RPC id, the body is a JSON-RPC error with that id:
\`{"jsonrpc":"2.0","id":…,"error":{"code":…,"message":…,"data":{"code","hop","requestId"}}}\`. \`data.code\` is the first column, \`data.hop\` the gateway
that refused, \`data.requestId\` the key of the audit row (also in the header \`x-request-id\`). "Retry" says whether the same request may succeed a
little later. JSON-RPC codes of our own lie outside the range that JSON-RPC and MCP reserve. \`no_grant\` stands in the audit
alone: its caller reads \`server_not_found\`, byte for byte.

These are the errors of the gateways. An MCP server's own answers, errors among them, pass through unchanged, with the status that the server
gave: an error without \`data.code\` and \`data.hop\` is the server's, as is a tool result with \`isError: true\`.

| code | HTTP | JSON-RPC | audit | retry | what the caller reads |
|---|---|---|---|---|---|
${rows.join('\n')}
`;
}

function configurationPage(): string {
  const of = (schema: z.ZodType): JsonSchema =>
    z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
  const gateway = of(ConfigFile).properties?.gateway ?? {};
  return `# Configuration

Made from the schemas of the processes by \`npm run docs\`. Each process reads one YAML file, \`--config <file>\`. Unknown keys are refused. Secrets are
files: settings that name them end in \`File\`.

## Gateway, \`gateway:\`

${table(rows(gateway))}

## Control plane, \`controlPlane:\`

Besides the file, two variables of the environment: \`DATABASE_URL\` (without a password; one with a password is refused) and \`PGPASSFILE\`; in a pod, kubelet's
\`KUBERNETES_SERVICE_HOST\` and \`KUBERNETES_SERVICE_PORT\`.

${table(rows(of(ControlPlane)))}

## Agent of a NATS server, \`natsAgent:\`

${table(rows(of(NatsAgent)))}
`;
}

type Row = readonly [key: string, kind: string, preset: string, description: string];

const table = (all: readonly Row[]): string =>
  [
    '| key | type | default | what |',
    '|---|---|---|---|',
    ...all.map((row) => `| ${row.map(cell).join(' | ')} |`),
  ].join('\n');

/** One row an option, depth first; objects give their keys, lists of objects their items' keys, choices those of each form. */
function rows(schema: JsonSchema, prefix = '', required = true): Row[] {
  const fields = Object.entries(schema.properties ?? {});
  if (fields.length === 0) return [];
  return fields.flatMap(([name, field]) => {
    const key = prefix === '' ? name : `${prefix}.${name}`;
    const must = required && (schema.required?.includes(name) ?? false);
    const below = [field, ...(field.anyOf ?? [])].flatMap((form) => [
      ...rows(form, key, must && form === field),
      ...rows(form.items ?? {}, `${key}[]`, must),
    ]);
    const own: Row = [`\`${key}\``, kindOf(field), presetOf(field, must), field.description ?? ''];
    return below.length > 0 && field.description === undefined ? below : [own, ...below];
  });
}

function kindOf(field: JsonSchema): string {
  if (field.enum) return field.enum.map((value) => `\`${value}\``).join(', ');
  if (field.anyOf) return [...new Set(field.anyOf.map(kindOf))].join(' or ');
  if (field.items) return `list of ${kindOf(field.items)}`;
  return [field.type ?? 'string'].flat().join(' or ');
}

function presetOf(field: JsonSchema, must: boolean): string {
  if (field.default !== undefined && typeof field.default !== 'object') return `\`${field.default}\``;
  return must ? 'required' : '';
}
