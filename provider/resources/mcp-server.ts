/** `McpServer`: an upstream and the gateway that can reach it. */
import { api } from '@portolan/core';
import { define } from '../kind.ts';
import { entry, named } from '../registry/index.ts';

export const mcpServerKind = define(
  entry(
    named('mcp-servers', {
      type: 'portolan:registry:McpServer',
      body: api.McpServerBody,
      computes: ['proxyUrl'],
    }),
  ),
);
