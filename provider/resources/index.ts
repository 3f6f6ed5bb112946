/** The shelf of resource kinds: a new kind is one file and one line here. */
import type { Kind } from '../kind.ts';
import { gatewayKind } from './gateway.ts';
import { grantKind } from './grant.ts';
import { mcpServerKind } from './mcp-server.ts';
import { peerMatrixKind } from './peer-matrix.ts';
import { processKind } from './process.ts';
import { userKind } from './user.ts';
import { virtualAccountKind } from './virtual-account.ts';

export const kinds: readonly Kind[] = [
  processKind,
  gatewayKind,
  mcpServerKind,
  userKind,
  virtualAccountKind,
  grantKind,
  peerMatrixKind,
];
