/** Which object a resource is: from the token that the SDK registers and the inputs. Pure. */
import { type Properties, unknown } from '../../../../provider/wire.ts';

export interface Identity {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  /** Absent: the object names none. */
  readonly namespace: string | undefined;
}

/** `urn:pulumi:stack::project::parent$type::name` → `type`. */
export function tokenOf(urn: string): string {
  return (urn.split('::')[2] ?? '').split('$').at(-1) ?? '';
}

/** `kubernetes:apps/v1:Deployment`, `kubernetes:core/v1:Secret`, `kubernetes:monitoring.coreos.com/v1:PodMonitor`. */
export function typeOf(token: string): Pick<Identity, 'apiVersion' | 'kind'> {
  const [, group = '', kind = ''] = token.split(':');
  const isObject = /^[^:/]+\/v\d\w*$/.test(group) && kind !== '' && !/(List|Patch)$/.test(kind);
  if (!isObject || /^(helm|yaml|kustomize)/.test(group))
    throw new Error(
      `${token}: the stand-in of Kubernetes plays single objects only, no charts, lists, patches or YAML files.`,
    );
  return { apiVersion: group.replace(/^core\//, ''), kind };
}

/** Of an object that is to be made: the inputs say it. An unknown part is the symbol `unknown` as text. */
export function identityOf(token: string, inputs: Properties): Identity {
  const type = typeOf(token);
  const metadata = (inputs.metadata ?? {}) as Properties;
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined);
  return {
    apiVersion: text(inputs.apiVersion) ?? type.apiVersion,
    kind: text(inputs.kind) ?? type.kind,
    name: text(metadata.name) ?? '',
    namespace: text(metadata.namespace),
  };
}

/** Of an object that is only asked for: `namespace/name` or `name`. */
export function identityOfId(token: string, id: string): Identity {
  const [name = '', namespace] = id.split('/').reverse();
  return { ...typeOf(token), name, namespace };
}

export const idOf = ({ name, namespace }: Identity): string =>
  namespace === undefined ? name : `${namespace}/${name}`;

/** For sentences: `Deployment web (namespace plane-a)`. */
export function describe({ kind, name, namespace }: Identity): string {
  return `${kind} ${name}${namespace === undefined ? '' : ` (namespace ${namespace})`}`;
}

/** Why the inputs name no object. */
export function nameless(inputs: Properties): string | undefined {
  const name = ((inputs.metadata ?? {}) as Properties).name;
  if (name === unknown || (typeof name === 'string' && name !== '')) return undefined;
  return 'a name is expected: the stand-in makes none, as ours name every object';
}
