/** Headers that only gateways may send are refused from a caller, in any case and any number, and nothing of them reaches a server. */
import { expect, inject, test } from 'vitest';
import { eventually } from '../harness/federation.ts';
import { hopHeader } from '../harness/mesh-client.ts';
import { sharedFederation } from '../harness/shared-federation.ts';

test.each(['portolan-hop', 'Portolan-Hop', 'PORTOLAN-CALLER', 'portolan-anything'])(
  '%s from a client is 400',
  async (name) => {
    const federation = await sharedFederation(inject('federation'));
    const alice = federation.local.users.alice?.token ?? '';
    const message = { jsonrpc: '2.0', id: 9, method: 'tools/list' };
    const reply = await federation.send('aws', 'mcp-m365', alice, message, { [name]: hopHeader('gcp') });
    expect(reply.status, reply.text).toBe(400);
    const row = await eventually('audited', async () => {
      const page = await federation.api('GET', `/audit?limit=1&request_id=${reply.headers['x-request-id']}`);
      return page.message.items[0];
    });
    expect(row).toMatchObject({ status: 'refused', code: 'hop_header_spoofed' });
  },
);
