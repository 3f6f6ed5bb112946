/** `User` as programs write it. */
import { CustomResource, type CustomResourceOptions, type Input } from '@pulumi/pulumi';
import { expectControl } from './expect-link.ts';
import { type ControlPlaneLink, lifeOf, type PrincipalLink } from './links.ts';

export interface UserArgs {
  readonly control: ControlPlaneLink;
  /** Changing it replaces the user. @default the resource's name */
  readonly name?: string | undefined;
  readonly displayName?: Input<string> | undefined;
  readonly email?: Input<string> | undefined;
}

/** A person that may hold tokens and grants. Tokens are issued over the API, never here. */
export class User extends CustomResource implements PrincipalLink {
  readonly entryKind = 'user';
  readonly entryName: string;
  readonly control: ControlPlaneLink;

  constructor(name: string, { control, ...args }: UserArgs, opts?: CustomResourceOptions) {
    expectControl(`User(${name}).control`, control);
    const inputs = { ...args, name: args.name ?? name, control: control.api };
    super('portolan:registry:User', name, inputs, lifeOf(control, [], opts));
    this.entryName = inputs.name;
    this.control = control;
  }

  get entry(): this {
    return this;
  }
}
