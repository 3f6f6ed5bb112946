/** What a preview knows of an object. Pure. */
import { type Properties, unknown } from '../../../../provider/wire.ts';

/** What the server gives a new object. */
const givenMetadata = ['uid', 'resourceVersion', 'creationTimestamp', 'generation'];

export function foreseenNew(inputs: Properties): Properties {
  const given = Object.fromEntries(givenMetadata.map((key) => [key, unknown]));
  const spec =
    inputs.kind === 'Service' ? { spec: { clusterIP: unknown, clusterIPs: unknown, ...(inputs.spec as object) } } : {};
  return { ...inputs, ...spec, metadata: { ...given, ...(inputs.metadata as object) }, status: unknown };
}

/** An update keeps what the server gave: dependents that read an address are not shown as changing. */
export function foreseenAfter(olds: Properties, inputs: Properties): Properties {
  const merged = (key: string) => ({ ...(olds[key] as object), ...(inputs[key] as object) });
  const spec = inputs.spec === undefined ? {} : { spec: inputs.spec === unknown ? unknown : merged('spec') };
  const status = olds.status === undefined ? {} : { status: olds.status };
  return { ...inputs, ...spec, ...status, metadata: { ...merged('metadata'), resourceVersion: unknown } };
}

/** Without what is not known yet. */
export function known(value: unknown): unknown {
  if (Array.isArray(value)) return value.filter((item) => item !== unknown).map(known);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, item]) => item !== unknown);
  return Object.fromEntries(entries.map(([key, item]) => [key, known(item)]));
}
