/** One gateway of a federation: its entry in the registry with its way in, then the gateway itself. */
import { type EntryLink, Gateway, type GatewayArgs } from '@portolan/provider';
import { ComponentResource, type ComponentResourceOptions, type Resource } from '@pulumi/pulumi';
import type { ControlPlane } from '../control-plane/component.ts';
import type { GatewayNetwork } from '../flows/index.ts';
import { callersOf } from '../plane-schema.ts';
import type { Enrolment, GatewayPlace, Networked } from '../sites/index.ts';
import type { GatewayPlaneArgs } from './args.ts';
import { gatewayConfig } from './config.ts';
import { checkGatewayPlane, type GatewayPlan } from './validate.ts';

const entrySuffix = 'entry';

/**
 * A gateway plane: one URL in one network.
 *
 * Creates its entry in the registry (deleting it retires the gateway) and, on its site, the gateway. Cost: see the site.
 * Security: it serves only what the control plane's signed snapshot grants, dials only its site's MCP servers and the
 * peers that a `Mesh` names, and holds no secret but its own keys.
 *
 * @example
 * const azure = new GatewayPlane('azure', { site, url: 'https://azure-gw.example.com', control });
 */
export class GatewayPlane extends ComponentResource implements EntryLink {
  readonly entryKind = 'gateway';
  readonly entryName: string;
  readonly url: string;
  readonly control: ControlPlane;
  readonly entry: Resource;
  /** What rules about it follow from; undefined where its site has none. */
  readonly network: Networked<GatewayNetwork> | undefined;

  constructor(name: string, args: GatewayPlaneArgs, opts?: ComponentResourceOptions) {
    super('portolan:index:GatewayPlane', name, {}, opts);
    const owner = `GatewayPlane(${name})`;
    const plan = checkGatewayPlane(name, args);
    args.control.claimUrl(owner, plan.url);
    const plane = {
      owner,
      name,
      url: plan.url,
      certificate: args.certificate,
      callers: callersOf(args),
      callerNamespaces: args.callerNamespaces,
    };
    const place = args.site.placeGateway(plane);
    this.entryName = plan.name;
    this.url = plan.url;
    this.control = args.control;
    this.entry = register(plan, place, this);
    const { control } = this;
    const config = gatewayConfig(plan, control, place);
    // after its entry: the registry must know it before it asks for its identity
    const after = [this.entry, ...control.ready];
    this.network = args.site.runGateway({ plane, place, config, control, after }, this).network;
    this.registerOutputs({ url: this.url });
  }
}

function register(plan: GatewayPlan, { enrolment, certificate }: GatewayPlace, plane: GatewayPlane): Resource {
  const { name, url, dial, description } = plan;
  const ordered = certificate === 'acme' ? certificate : undefined;
  const args = {
    control: plane.control,
    name,
    url,
    dial,
    description,
    certificate: ordered,
    ...proofOf(enrolment),
  } as const;
  return new Gateway(`${plan.name}-${entrySuffix}`, args, { parent: plane });
}

/** What the registry must know of the gateway's way in. */
function proofOf(enrolment: Enrolment): Pick<GatewayArgs, 'enrolmentFile' | 'identityFile' | 'workloadIdentity'> {
  if (enrolment.by === 'workload') return { workloadIdentity: enrolment.workloadIdentity };
  return { enrolmentFile: enrolment.enrolmentFile, identityFile: enrolment.identityFile };
}
