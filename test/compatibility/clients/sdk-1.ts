/** The official TypeScript SDK 1.x, which most applications run today. It speaks 2025-11-25 and older. */
import { Client as SdkClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  LoggingMessageNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import type { Address, CallOptions, Client, Ears, Session } from './client.ts';
import { installedVersion } from './installed-version.ts';
import { resultText } from './result-text.ts';

export const sdk1: Client = {
  name: 'TypeScript SDK 1.x',
  version: installedVersion('@modelcontextprotocol/sdk'),
  about: 'Speaks 2025-11-25 and older.',
  showsProgress: true,
  connect: (at, ears) => sdk1Session(httpTransport(at), ears),
};

function httpTransport({ url, token }: Address): Transport {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  // its own types are not written for exactOptionalPropertyTypes
  return new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }) as Transport;
}

/** Over any transport: mcp-remote is driven so, too. */
export async function sdk1Session(transport: Transport, ears: Ears): Promise<Session> {
  const client = new SdkClient(
    { name: 'portolan-compatibility', version: '1' },
    { capabilities: { elicitation: {}, sampling: {} } },
  );
  client.setRequestHandler(ElicitRequestSchema, () => {
    ears.elicited();
    return { action: 'accept', content: ears.form };
  });
  client.setRequestHandler(CreateMessageRequestSchema, () => {
    ears.sampled();
    return { model: 'none', role: 'assistant', content: { type: 'text', text: ears.completion } };
  });
  client.setNotificationHandler(LoggingMessageNotificationSchema, () => ears.logged());
  let protocol = '?';
  const agreed = transport.setProtocolVersion?.bind(transport);
  transport.setProtocolVersion = (version) => {
    protocol = version;
    agreed?.(version);
  };
  await client.connect(transport);
  if (client.getServerCapabilities()?.logging) await client.setLoggingLevel('debug');
  return {
    protocol,
    list: async () => {
      const names: string[] = [];
      for (let cursor: string | undefined, first = true; first || cursor; first = false) {
        const page = await client.listTools(cursor === undefined ? {} : { cursor });
        names.push(...page.tools.map(({ name }) => name));
        cursor = page.nextCursor;
      }
      return names;
    },
    call: async (name, args, options) =>
      resultText(await client.callTool({ name, arguments: args }, undefined, requestOptions(options))),
    close: () => client.close(),
  };
}

function requestOptions({ signal, progressed }: CallOptions = {}) {
  return { ...(signal && { signal }), ...(progressed && { onprogress: progressed }) };
}
