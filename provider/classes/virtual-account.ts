/** `VirtualAccount` as programs write it. */
import { CustomResource, type CustomResourceOptions, type Input } from '@pulumi/pulumi';
import { expectEntry } from './expect-link.ts';
import { type ControlPlaneLink, lifeOf, type PrincipalLink } from './links.ts';

export interface VirtualAccountArgs {
  /** The user who answers for it. */
  readonly owner: PrincipalLink;
  /** Changing it replaces the account. @default the resource's name */
  readonly name?: string | undefined;
  readonly displayName?: Input<string> | undefined;
}

/** An application that may hold tokens and grants. */
export class VirtualAccount extends CustomResource implements PrincipalLink {
  readonly entryKind = 'virtual-account';
  readonly entryName: string;
  readonly control: ControlPlaneLink;

  constructor(name: string, { owner, ...args }: VirtualAccountArgs, opts?: CustomResourceOptions) {
    expectEntry(`VirtualAccount(${name}).owner`, owner, 'user');
    const { control } = owner;
    const inputs = { ...args, name: args.name ?? name, owner: owner.entryName, control: control.api };
    super('portolan:registry:VirtualAccount', name, inputs, lifeOf(control, [owner], opts));
    this.entryName = inputs.name;
    this.control = control;
  }

  get entry(): this {
    return this;
  }
}
