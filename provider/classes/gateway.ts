/** `Gateway` as programs write it. What it does is resources/gateway.ts's. */
import { CustomResource, type CustomResourceOptions, type Input } from '@pulumi/pulumi';
import { expectControl } from './expect-link.ts';
import { type ControlPlaneLink, type EntryLink, lifeOf } from './links.ts';

/** The pods that are a gateway, by what their projected service-account tokens say. Public data: it stands in state and in the registry. */
export interface WorkloadIdentityArgs {
  /** `iss` of the tokens, exactly: kube-apiserver's `--service-account-issuer`. */
  readonly issuer: Input<string>;
  /**
   * The issuer's public keys: a `url` that the control plane can reach over https (EKS, AKS and GKE have public ones), or the `keys` themselves, as
   * `kubectl get --raw /openid/v1/jwks` shows them.
   */
  readonly jwks: Input<{
    readonly url?: Input<string> | undefined;
    readonly keys?: Input<Input<object>[]> | undefined;
  }>;
  /** The one `aud` of the tokens: one that means this control plane and nothing else. */
  readonly audience: Input<string>;
  readonly namespace: Input<string>;
  readonly serviceAccount: Input<string>;
}

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
  /** Whose pods are this gateway: they enrol by their tokens, so `enrolmentFile` is not needed. @default one-time enrolments alone */
  readonly workloadIdentity?: Input<WorkloadIdentityArgs> | undefined;
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
