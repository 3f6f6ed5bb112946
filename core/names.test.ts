import { expect, test } from 'vitest';
import { GatewayName, gatewayOfSpiffeId, gatewaySpiffeId, meshName, Name } from './names.ts';
import { serverOfPath, serverPath } from './paths.ts';

test.each(['a', 'aws', 'mcp-m365', '0', 'a'.repeat(63)])('%s is a name', (name) => {
  expect(Name.safeParse(name).success).toBe(true);
});
test.each(['', 'A', '-a', 'a-', 'a.b', 'a*', 'a>b', 'a b', 'a\n', 'ä', 'a'.repeat(64)])('%j is none', (name) => {
  expect(Name.safeParse(name).success).toBe(false);
});
test('no gateway is called control', () => {
  expect(GatewayName.safeParse('control').success).toBe(false);
});

test('a SPIFFE ID names a gateway of this federation, or nothing', () => {
  expect(gatewayOfSpiffeId('local', gatewaySpiffeId('local', 'aws'))).toBe('aws');
  for (const id of [
    'spiffe://other/gateway/aws',
    'spiffe://local/gateway/',
    'spiffe://local/gateway/aws/x',
    'spiffe://local/gateway/control',
    'spiffe://local/control',
    'SPIFFE://local/gateway/aws',
    'spiffe://local/gateway/AWS',
    'spiffe://local.evil/gateway/aws',
  ]) {
    expect(gatewayOfSpiffeId('local', id), id).toBeUndefined();
  }
});

test('the mesh name is never a public one', () => {
  expect(meshName('aws', 'local')).toBe('aws.local.mesh.internal');
});

test.each([
  ['/mcp/mcp-m365', 'mcp-m365'],
  ['/mcp/mcp-m365/', 'mcp-m365'],
  ['/api/llm/mcp/mcp-m365/server', 'mcp-m365'],
  ['/default/mcp/mcp-m365/server/', 'mcp-m365'],
  [serverPath('x'), 'x'],
  ['/mcp/a//', undefined],
  ['//mcp/a', undefined],
  ['/mcp/A', undefined],
  ['/mcp/a%2fb', undefined],
  ['/mcp/../a', undefined],
  ['/mcp/a/server', undefined],
  ['/other/mcp/a/server', undefined],
  ['/mcp/', undefined],
  ['/mcp/a\n', undefined],
])('path %j is server %s', (path, server) => {
  expect(serverOfPath(path)).toBe(server);
});
