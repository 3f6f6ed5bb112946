/** `Grant` as programs write it. */
import { CustomResource, type CustomResourceOptions, type Input } from '@pulumi/pulumi';
import { expectEntry } from './expect-link.ts';
import { type EntryLink, lifeOf, type PrincipalLink } from './links.ts';

/** Either `everything: true`, or at least one of the lists. In names `*` stands for any run of characters. */
export interface GrantArgs {
  readonly principal: PrincipalLink;
  readonly server: EntryLink;
  /** Changing it replaces the grant. @default the resource's name */
  readonly name?: string | undefined;
  /** A deny beats every allow. @default 'allow' */
  readonly effect?: Input<'allow' | 'deny'> | undefined;
  readonly everything?: Input<boolean> | undefined;
  readonly tools?: Input<readonly Input<string>[]> | undefined;
  readonly prompts?: Input<readonly Input<string>[]> | undefined;
  readonly resources?: Input<readonly Input<string>[]> | undefined;
}

/**
 * Lets a principal use (parts of) an MCP server. Without a grant nothing may be used, or even seen.
 *
 * @example
 * new Grant('bob-calendar', { principal: bob, server: m365, tools: ['get_calendar_*'] });
 */
export class Grant extends CustomResource {
  constructor(name: string, { principal, server, ...args }: GrantArgs, opts?: CustomResourceOptions) {
    expectEntry(`Grant(${name}).principal`, principal, 'user', 'virtual-account');
    expectEntry(`Grant(${name}).server`, server, 'mcp-server');
    const { control } = server;
    const who = { kind: principal.entryKind, name: principal.entryName };
    const inputs = { ...args, name: args.name ?? name, principal: who, server: server.entryName, control: control.api };
    super('portolan:registry:Grant', name, inputs, lifeOf(control, [principal, server], opts));
  }
}
