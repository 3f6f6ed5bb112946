/** Tools whose schema is the test: JSON Schema 2020-12 as it is written (SEP-1613, SEP-2106), and arguments mirrored into headers (SEP-2243). */
import { fromJsonSchema, type McpServer } from '@modelcontextprotocol/server';
import { text } from './text.ts';

/** Every keyword of it is looked for in `tools/list`. */
const contact = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  $defs: {
    address: {
      $anchor: 'addressDef',
      type: 'object',
      properties: { street: { type: 'string' }, city: { type: 'string' } },
    },
  },
  properties: {
    name: { type: 'string' },
    address: { $ref: '#/$defs/address' },
    contactMethod: { type: 'string', enum: ['phone', 'email'] },
    phone: { type: 'string' },
    email: { type: 'string' },
  },
  allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
  if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
  then: { required: ['phone'] },
  else: { required: ['email'] },
  additionalProperties: false,
} as const;

const mirrored = {
  type: 'object',
  properties: { region: { type: 'string', description: 'Mirrored into Mcp-Param-Region.', 'x-mcp-header': 'Region' } },
} as const;

export function registerSchemaTools(server: McpServer): void {
  server.registerTool(
    'json_schema_2020_12_tool',
    { description: 'A schema with keywords of 2020-12.', inputSchema: fromJsonSchema(contact) },
    (args) => text(`called with ${JSON.stringify(args)}`),
  );
  server.registerTool(
    'test_x_mcp_header',
    { description: 'An argument that is mirrored into a header.', inputSchema: fromJsonSchema(mirrored) },
    (args) => text(`called with ${JSON.stringify(args)}`),
  );
}
