/** The mesh: which gateways may call each other. No Mesh, no crossing. */
import { PeerMatrix } from '@portolan/provider';
import { ComponentResource, type ComponentResourceOptions } from '@pulumi/pulumi';
import type { MeshArgs } from './args.ts';
import { peerPairs } from './peer-pairs.ts';
import { checkMesh } from './validate.ts';

const matrixSuffix = 'peers';

/**
 * Lets gateways call each other, every pair both ways.
 *
 * Creates the peer matrix in the registry. Cost: none. Security: a gateway that is not in it neither calls nor is called,
 * whatever certificate it has.
 *
 * @example
 * new Mesh('mesh', { control, gateways: [aws, azure, onprem] });
 */
export class Mesh extends ComponentResource {
  constructor(name: string, args: MeshArgs, opts?: ComponentResourceOptions) {
    super('portolan:index:Mesh', name, {}, opts);
    checkMesh(name, args);
    const pairs = peerPairs(args.gateways);
    new PeerMatrix(`${name}-${matrixSuffix}`, { control: args.control, pairs }, { parent: this });
    this.registerOutputs({ pairs: pairs.map((pair) => pair.map(({ entryName }) => entryName)) });
  }
}
