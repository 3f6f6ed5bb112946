/** The schemas that the OpenAPI document names. What is sent and what is answered are apart: a default is optional in one and certain in the other. */
import { AuditRecord, AuditRow, api } from '@portolan/core';
import type { z } from 'zod';

/** One page of each list. */
export const pages = {
  gateways: api.page(api.GatewayView),
  mcpServers: api.page(api.McpServerView),
  users: api.page(api.UserView),
  virtualAccounts: api.page(api.VirtualAccountView),
  grants: api.page(api.GrantView),
  tokens: api.page(api.TokenView),
  audit: api.page(AuditRow),
} as const;

// table
export const sent: Readonly<Record<string, z.ZodType>> = {
  GatewayBody: api.GatewayBody,
  McpServerBody: api.McpServerBody,
  UserBody: api.UserBody,
  VirtualAccountBody: api.VirtualAccountBody,
  GrantBody: api.GrantBody,
  TokenBody: api.TokenBody,
  EnrollBody: api.EnrollBody,
  RenewBody: api.RenewBody,
  NatsServerEnrollBody: api.NatsServerEnrollBody,
};

// table
export const answered: Readonly<Record<string, z.ZodType>> = {
  Gateway: api.GatewayView,
  GatewayPage: pages.gateways,
  McpServer: api.McpServerView,
  McpServerPage: pages.mcpServers,
  User: api.UserView,
  UserPage: pages.users,
  VirtualAccount: api.VirtualAccountView,
  VirtualAccountPage: pages.virtualAccounts,
  Grant: api.GrantView,
  GrantPage: pages.grants,
  PeerMatrix: api.PeerMatrixBody,
  Token: api.TokenView,
  TokenPage: pages.tokens,
  IssuedToken: api.IssuedToken,
  AuditRecord,
  AuditRow,
  AuditPage: pages.audit,
  Enrolment: api.Enrolment,
  Identity: api.Identity,
  NatsServerIdentity: api.NatsServerIdentity,
  GatewayStatus: api.GatewayStatus,
  McpServerStatus: api.McpServerStatus,
  FederationStatus: api.FederationStatus,
  Error: api.ApiError,
};
