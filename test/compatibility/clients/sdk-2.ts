/** The official TypeScript SDK 2.x in mode `auto`: it asks for the modern era first and falls back to the older one. */
import { Client as SdkClient, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import type { Address, CallOptions, Client, Ears, Session } from './client.ts';
import { installedVersion } from './installed-version.ts';
import { resultText } from './result-text.ts';

export const sdk2: Client = {
  name: 'TypeScript SDK 2.x',
  version: installedVersion('@modelcontextprotocol/client'),
  about: 'Mode `auto`: asks for 2026-07-28 first.',
  showsProgress: true,
  connect,
};

async function connect({ url, token }: Address, ears: Ears): Promise<Session> {
  const client = listening(ears);
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }));
  const protocol = client.getNegotiatedProtocolVersion() ?? '?';
  // a modern server logs for whoever asks for it with the request, and for nobody else
  const meta = protocol >= '2026-07-28' ? { _meta: { 'io.modelcontextprotocol/logLevel': 'debug' } } : {};
  return {
    protocol,
    list: async () => (await client.listTools()).tools.map(({ name }) => name),
    call: async (name, args, options) =>
      resultText(await client.callTool({ name, arguments: args, ...meta }, requestOptions(options))),
    close: () => client.close(),
  };
}

function listening(ears: Ears): SdkClient {
  const client = new SdkClient(
    { name: 'portolan-compatibility', version: '1' },
    { versionNegotiation: { mode: 'auto' }, capabilities: { elicitation: { form: {} }, sampling: {} } },
  );
  client.setRequestHandler('elicitation/create', () => {
    ears.elicited();
    return { action: 'accept', content: ears.form };
  });
  client.setRequestHandler('sampling/createMessage', () => {
    ears.sampled();
    return { model: 'none', role: 'assistant', content: { type: 'text', text: ears.completion } };
  });
  client.setNotificationHandler('notifications/message', () => ears.logged());
  return client;
}

function requestOptions({ signal, progressed }: CallOptions = {}) {
  return { ...(signal && { signal }), ...(progressed && { onprogress: progressed }) };
}
