/** One gateway of a federation: its entry in the registry with its way in, then the gateway itself. */
import { type EntryLink, Gateway } from '@portolan/provider';
import { ComponentResource, type ComponentResourceOptions, type Resource } from '@pulumi/pulumi';
import type { ControlPlane } from '../control-plane/component.ts';
import type { GatewayPlace, Site } from '../sites/index.ts';
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

  constructor(name: string, args: GatewayPlaneArgs, opts?: ComponentResourceOptions) {
    super('portolan:index:GatewayPlane', name, {}, opts);
    const owner = `GatewayPlane(${name})`;
    const plan = checkGatewayPlane(name, args);
    args.control.claimUrl(owner, plan.url);
    const place = args.site.placeGateway({ owner, name, url: plan.url });
    this.entryName = plan.name;
    this.url = plan.url;
    this.control = args.control;
    this.entry = register(plan, place, this);
    runGateway(plan, args.site, place, this);
    this.registerOutputs({ url: this.url });
  }
}

function register(plan: GatewayPlan, { enrolmentFile, identityFile }: GatewayPlace, plane: GatewayPlane): Resource {
  const { name, url, dial, description } = plan;
  const args = { control: plane.control, name, url, dial, description, enrolmentFile, identityFile };
  return new Gateway(`${plan.name}-${entrySuffix}`, args, { parent: plane });
}

/** After its entry: the enrolment must be there before the gateway looks for it. */
function runGateway(plan: GatewayPlan, site: Site, place: GatewayPlace, plane: GatewayPlane): void {
  const { configFile, enrolmentFile, listen } = place;
  site.run(
    {
      name: `gateway-${plane.entryName}`,
      program: 'gateway',
      args: ['--config', configFile],
      config: { path: configFile, content: gatewayConfig(plan, plane.control, place) },
      secretFiles: enrolmentFile === undefined ? [] : [enrolmentFile],
      ports: { ...listen },
      health: { listen: listen.health, path: '/readyz' },
      after: [plane.entry, ...plane.control.ready],
    },
    plane,
  );
}
