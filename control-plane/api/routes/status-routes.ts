/** What the federation looks like now. */
import { api, Name } from '@portolan/core';
import { z } from 'zod';
import { problem } from '../../problem.ts';
import { federationStatus, mcpServerStatus } from '../../status/index.ts';
import { ok, type Route, route } from '../route.ts';
import type { Parts } from './parts.ts';

export const statusRoutes = (parts: Parts): readonly Route[] => [
  route({
    method: 'GET',
    path: '/status',
    access: 'admin',
    tag: 'status',
    summary:
      'Each gateway: enrolled, connected, applied revision, lag, drift, certificate, spool; retired ones too. Each MCP server: reachable, era, versions, tools, last error.',
    answers: { 200: { says: 'The status.', schema: api.FederationStatus } },
    problems: [],
    handle: async () => ok(await federationStatus(parts)),
  }),
  route({
    method: 'GET',
    path: '/mcp-servers/{name}/status',
    access: 'admin',
    tag: 'mcp-servers',
    summary: 'Answers how the gateway that dials this MCP server last found it.',
    params: z.strictObject({ name: Name }),
    answers: { 200: { says: 'The status; null is unknown.', schema: api.McpServerStatus } },
    problems: ['invalid_parameter', 'not_found'],
    handle: async ({ params }) => {
      const status = await mcpServerStatus(parts, params.name);
      if (!status) throw problem('not_found', `MCP server "${params.name}" does not exist.`);
      return ok(status);
    },
  }),
];
