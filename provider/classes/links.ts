/**
 * What a registry resource must know of the things it hangs on. A `ControlPlane` and a `GatewayPlane` of components are
 * such links, and so are the resource classes here.
 */
import { type CustomResourceOptions, type Input, mergeOptions, type Resource } from '@pulumi/pulumi';

/** Where the control plane's API is. Paths only: state holds no secret. */
export interface ControlApiArgs {
  /** `https://…`, or `http://…` on loopback. */
  readonly url: Input<string>;
  /** PEM of the CA that signed its certificate. @default the system's CAs */
  readonly caFile?: Input<string> | undefined;
  /** `host:port` where it is reached, while its name does not lead there yet. @default host and port of `url` */
  readonly dial?: Input<string> | undefined;
  /** Its admin token, in a file … @default adminTokenSecret */
  readonly adminTokenFile?: Input<string> | undefined;
  /** … or, while there is no such file, in a Secret of a Kubernetes cluster, under the key `token`. */
  readonly adminTokenSecret?: Input<KubernetesSecretRef> | undefined;
}

/** A Secret, and the kubeconfig file on the machine of the engine that leads to it. */
export interface KubernetesSecretRef {
  readonly kubeconfig: string;
  /** @default the file's current context */
  readonly context?: string | undefined;
  readonly namespace: string;
  readonly name: string;
}

export interface ControlPlaneLink {
  readonly api: ControlApiArgs;
  /** Whose end is the end of everything that is registered: nothing is asked of a dying API. */
  readonly life: Resource;
}

export type EntryKind = 'gateway' | 'mcp-server' | 'user' | 'virtual-account';

/** An entry of the registry that another one names. */
export interface EntryLink {
  /** Its name in the registry. */
  readonly entryName: string;
  readonly entryKind: EntryKind;
  readonly control: ControlPlaneLink;
  /** What registered it. */
  readonly entry: Resource;
}

/** A principal that grants are about. */
export interface PrincipalLink extends EntryLink {
  readonly entryKind: 'user' | 'virtual-account';
}

/** Registered after what it names, and gone with the control plane without a word to it. */
export function lifeOf(
  control: ControlPlaneLink,
  after: readonly EntryLink[],
  opts: CustomResourceOptions = {},
): CustomResourceOptions {
  const dependsOn = [control.life, ...after.map(({ entry }) => entry)];
  return mergeOptions({ deletedWith: control.life, dependsOn }, opts);
}
