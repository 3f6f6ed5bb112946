/** An MCP server as a process of a LocalSite, and its entry in the registry. */
import { type EntryLink, McpServer } from '@portolan/provider';
import { ComponentResource, type ComponentResourceOptions, type Resource } from '@pulumi/pulumi';
import type { ControlPlane } from '../control-plane/component.ts';
import type { LocalSite } from '../sites/index.ts';
import { hashOf } from '../sites/local-site/command-line.ts';
import type { LocalMcpServerArgs } from './args.ts';
import { checkLocalMcpServer, type LocalMcpServerPlan } from './validate.ts';

const entrySuffix = 'entry';

/**
 * An MCP server on this machine.
 *
 * Creates its process and its entry in the registry. Cost: none. Security: it listens on loopback and authenticates
 * nobody; who may call it, the grants say.
 *
 * @example
 * new LocalMcpServer('mcp-m365', { site, gateway: azure, script, url: 'http://127.0.0.1:18481/mcp' });
 */
export class LocalMcpServer extends ComponentResource implements EntryLink {
  readonly entryKind = 'mcp-server';
  readonly entryName: string;
  readonly control: ControlPlane;
  readonly entry: Resource;

  constructor(name: string, args: LocalMcpServerArgs, opts?: ComponentResourceOptions) {
    super('portolan:index:LocalMcpServer', name, {}, opts);
    const plan = checkLocalMcpServer(name, args);
    args.site.claimServerPort({ owner: `LocalMcpServer(${name})`, property: 'url' }, plan.port);
    runServer(args.site, plan, this);
    this.entryName = plan.name;
    this.control = args.gateway.control;
    this.entry = register(args, plan, this);
    this.registerOutputs({ url: plan.url });
  }
}

function runServer(site: LocalSite, { name, script, sources, port }: LocalMcpServerPlan, owner: LocalMcpServer): void {
  const readiness = { kind: 'http', url: `http://127.0.0.1:${port}/healthz`, timeoutSeconds: 60 } as const;
  const args = [script, '--port', String(port)];
  const version = hashOf(script, ...sources);
  site.runProcess({ name, command: site.node, args, listens: [`127.0.0.1:${port}`], readiness, version }, owner);
}

function register({ gateway }: LocalMcpServerArgs, plan: LocalMcpServerPlan, parent: LocalMcpServer): Resource {
  const { name, url, description } = plan;
  return new McpServer(`${name}-${entrySuffix}`, { name, gateway, url, description }, { parent });
}
