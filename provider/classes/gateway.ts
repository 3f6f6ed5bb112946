/** `Gateway` as programs write it. What it does is resources/gateway.ts's. */
import { CustomResource, type CustomResourceOptions, type Input } from '@pulumi/pulumi';
import { expectControl } from './expect-link.ts';
import { type ControlPlaneLink, type EntryLink, lifeOf } from './links.ts';

export interface GatewayArgs {
  readonly control: ControlPlaneLink;
  /** In the registry. Changing it replaces the gateway. @default the resource's name */
  readonly name?: string | undefined;
  /** Public URL: `https`, no trailing slash. Servers of this gateway have it as their proxy URL. */
  readonly url: Input<string>;
  /** `host:port` where other gateways reach it. @default host and port of `url` */
  readonly dial?: Input<string> | undefined;
  readonly description?: Input<string> | undefined;
  /** `acme`: the control plane orders the certificate of the public name and delivers it; the gateway's configuration says so, too. @default the site's files */
  readonly certificate?: Input<'acme'> | undefined;
  /** Absolute. Its one-time enrolment is written there (0600) while the gateway is not enrolled. @default not written */
  readonly enrolmentFile?: Input<string> | undefined;
  /** Absolute. Where the gateway keeps its identity, if on this machine: while it is not there, the gateway is enrolled anew. @default the registry alone says */
  readonly identityFile?: Input<string> | undefined;
}

/** A gateway in the registry. Deleting it retires the gateway: its certificates are refused from then on. */
export class Gateway extends CustomResource implements EntryLink {
  readonly entryKind = 'gateway';
  readonly entryName: string;
  readonly control: ControlPlaneLink;

  constructor(name: string, { control, ...args }: GatewayArgs, opts?: CustomResourceOptions) {
    expectControl(`Gateway(${name}).control`, control);
    const inputs = { ...args, name: args.name ?? name, control: control.api };
    super('portolan:registry:Gateway', name, inputs, lifeOf(control, [], opts));
    this.entryName = inputs.name;
    this.control = control;
  }

  get entry(): this {
    return this;
  }
}
