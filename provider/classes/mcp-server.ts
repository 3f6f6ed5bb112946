/** `McpServer` as programs write it. What it does is resources/mcp-server.ts's. */
import { CustomResource, type CustomResourceOptions, type Input, type Output } from '@pulumi/pulumi';
import { expectEntry } from './expect-link.ts';
import { type ControlPlaneLink, type EntryLink, lifeOf } from './links.ts';

export interface McpServerArgs {
  /** The gateway that can reach it, and alone dials it. */
  readonly gateway: EntryLink;
  /** In the registry, and in the paths that clients use. Changing it replaces the server. @default the resource's name */
  readonly name?: string | undefined;
  /** `http` or `https`, inside the gateway's network. */
  readonly url: Input<string>;
  readonly description?: Input<string> | undefined;
  /**
   * Globs; what `include` does not name, or `exclude` names, exists for nobody, whatever the grants.
   * @default every tool that the server has
   */
  readonly tools?:
    | Input<{
        readonly include?: Input<Input<string>[]> | undefined;
        readonly exclude?: Input<Input<string>[]> | undefined;
      }>
    | undefined;
  /**
   * Headers that callers may add by `x-tfy-mcp-headers`; `Authorization` only with `mayOverrideAuth`.
   * @default none
   */
  readonly headers?:
    | Input<{ readonly names: Input<Input<string>[]>; readonly mayOverrideAuth?: Input<boolean> | undefined }>
    | undefined;
  /**
   * Seconds that a call may wait for a byte of the server, and take in all; a person's thinking time counts in neither.
   * @default the gateway's limits: 600 and 3600
   */
  readonly deadlines?:
    | Input<{ readonly idleSeconds?: Input<number> | undefined; readonly totalSeconds?: Input<number> | undefined }>
    | undefined;
}

/**
 * A registered MCP server.
 *
 * @example
 * new McpServer('mcp-m365', { gateway: azure, url: 'http://m365-mcp.azure-internal:8080' });
 */
export class McpServer extends CustomResource implements EntryLink {
  /** URL of its gateway. */
  declare readonly proxyUrl: Output<string>;
  readonly entryKind = 'mcp-server';
  readonly entryName: string;
  readonly control: ControlPlaneLink;

  constructor(name: string, { gateway, ...args }: McpServerArgs, opts?: CustomResourceOptions) {
    expectEntry(`McpServer(${name}).gateway`, gateway, 'gateway');
    const { control } = gateway;
    const inputs = { ...args, name: args.name ?? name, gateway: gateway.entryName, control: control.api };
    super('portolan:registry:McpServer', name, { ...inputs, proxyUrl: undefined }, lifeOf(control, [gateway], opts));
    this.entryName = inputs.name;
    this.control = control;
  }

  get entry(): this {
    return this;
  }
}
