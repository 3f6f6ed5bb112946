/** `PeerMatrix` as programs write it. */
import { CustomResource, type CustomResourceOptions } from '@pulumi/pulumi';
import { expectControl, expectEntry } from './expect-link.ts';
import { type ControlPlaneLink, type EntryLink, lifeOf } from './links.ts';

export interface PeerMatrixArgs {
  readonly control: ControlPlaneLink;
  /** Gateways that may call each other, both ways. */
  readonly pairs: readonly (readonly [EntryLink, EntryLink])[];
}

/** Which gateways may call each other: one a federation. What stands in no pair crosses nowhere. */
export class PeerMatrix extends CustomResource {
  constructor(name: string, { control, pairs }: PeerMatrixArgs, opts?: CustomResourceOptions) {
    expectControl(`PeerMatrix(${name}).control`, control);
    for (const gateway of pairs.flat()) expectEntry(`PeerMatrix(${name}).pairs`, gateway, 'gateway');
    const inputs = { control: control.api, pairs: pairs.map((pair) => pair.map(({ entryName }) => entryName)) };
    const gateways = [...new Set(pairs.flat())];
    super('portolan:registry:PeerMatrix', name, inputs, lifeOf(control, gateways, opts));
  }
}
