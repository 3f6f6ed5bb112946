/**
 * `mcp-remote`, the bridge by which desktop applications that speak stdio alone reach a server: driven as they do it, by an SDK 1.x
 * client on its stdin and stdout. With `--protocol auto` it asks for the modern era first.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import type { Address, Client, Ears, Session } from './client.ts';
import { installedVersion } from './installed-version.ts';
import { sdk1Session } from './sdk-1.ts';

/** `folder`: where the clients of npm are installed. */
export function mcpRemote(folder: string): Client {
  const program = join(folder, 'node_modules', 'mcp-remote', 'dist', 'proxy.js');
  return {
    name: 'mcp-remote',
    version: installedVersion('mcp-remote', folder),
    about: '`--protocol auto`, with the SDK 1.x on its stdin and stdout, as desktop applications use it.',
    showsProgress: true,
    connect: (at, ears) => connect(program, at, ears),
  };
}

async function connect(program: string, { url, token, signal }: Address, ears: Ears): Promise<Session> {
  // without a folder of its own it writes to the user's
  const config = await mkdtemp(join(tmpdir(), 'mcp-remote-'));
  // the token is not in the list of processes: the program fills the variable in itself
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is a template, of mcp-remote's
  const authorization = token === undefined ? [] : ['--header', 'Authorization:${AUTHORIZATION}'];
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [program, url, '--allow-http', '--silent', '--protocol', 'auto', ...authorization],
    env: {
      PATH: process.env.PATH ?? '',
      HOME: config,
      MCP_REMOTE_CONFIG_DIR: config,
      AUTHORIZATION: `Bearer ${token}`,
    },
    stderr: 'ignore',
  });
  const close = async () => {
    await transport.close();
    await rm(config, { recursive: true, force: true });
  };
  signal.addEventListener('abort', () => void close(), { once: true });
  return { ...(await sdk1Session(transport, ears)), close };
}
