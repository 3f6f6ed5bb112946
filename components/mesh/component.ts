/** The mesh: which gateways may call each other. No Mesh, no crossing. */
import { PeerMatrix } from '@portolan/provider';
import { all, ComponentResource, type ComponentResourceOptions, type Output } from '@pulumi/pulumi';
import { type DescribedFlow, describeFlow, federationFlows, pairFlows } from '../flows/index.ts';
import type { GatewayPlane } from '../gateway-plane/component.ts';
import type { MeshArgs } from './args.ts';
import { peerPairs } from './peer-pairs.ts';
import { checkMesh } from './validate.ts';

const matrixSuffix = 'peers';

/**
 * Lets gateways call each other, every pair both ways.
 *
 * Creates the peer matrix in the registry, and at both ends of each pair the network rules that let their calls pass, 443 alone.
 * Rules come after all planes, so that addresses of one may stand in rules of the other. Cost: none. Security: a gateway that is not in it neither calls nor is called,
 * whatever certificate it has.
 *
 * @example
 * new Mesh('mesh', { control, gateways: [aws, azure, onprem] });
 */
export class Mesh extends ComponentResource {
  /** Every rule of the federation in words, for `portolan flows`; undefined where no rules are. */
  readonly flows: Output<readonly DescribedFlow[]> | undefined;

  constructor(name: string, args: MeshArgs, opts?: ComponentResourceOptions) {
    super('portolan:index:Mesh', name, {}, opts);
    checkMesh(name, args);
    const pairs = peerPairs(args.gateways);
    new PeerMatrix(`${name}-${matrixSuffix}`, { control: args.control, pairs }, { parent: this });
    for (const pair of pairs) openPair(pair, { name, component: this });
    this.flows = described(args);
    this.registerOutputs({ pairs: pairs.map((pair) => pair.map(({ entryName }) => entryName)) });
  }
}

function described({ control, gateways }: MeshArgs): Output<readonly DescribedFlow[]> | undefined {
  if (control.network === undefined) return undefined;
  const known = gateways.flatMap(({ network }) => network?.known ?? []);
  return all([control.network.known, all(known)]).apply(([plane, others]) =>
    federationFlows(plane, others).map(describeFlow),
  );
}

/** Both directions at both ends. Where a site has no rules there is nothing to open. */
function openPair(
  [first, second]: readonly [GatewayPlane, GatewayPlane],
  owner: { readonly name: string; readonly component: ComponentResource },
): void {
  const [one, other] = [first.network, second.network];
  if (one === undefined || other === undefined) return;
  const flows = {
    planned: pairFlows(one.planned, other.planned),
    known: all([one.known, other.known]).apply(([a, b]) => pairFlows(a, b)),
  };
  for (const rules of new Set([one.rules, other.rules])) rules.admit(flows, owner);
}
