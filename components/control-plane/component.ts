/** The control plane of a federation: PostgreSQL → its birth and itself → NATS, in this order. */
import { ArgumentError, type ControlApiArgs, type ControlPlaneLink } from '@portolan/provider';
import { ComponentResource, type ComponentResourceOptions, type Input, type Resource } from '@pulumi/pulumi';
import type { ControlPlanePlace, Database, NatsPlace, Site } from '../sites/index.ts';
import type { ControlPlaneArgs } from './args.ts';
import { controlPlaneConfig } from './config.ts';
import { type ControlPlanePlan, checkControlPlane } from './validate.ts';

/**
 * Registry, identity, mesh CA, publisher and ledger of a federation, with its PostgreSQL and its NATS.
 *
 * Creates on its site: a database, the control plane, a NATS server. Cost: see the site. Security: its database and its
 * keys open everything, so they stay where it runs; what it says to gateways is signed; everything registered ends with it.
 *
 * @example
 * const control = new ControlPlane('control', { site: aws, url: 'https://control-plane.example.com' });
 */
export class ControlPlane extends ComponentResource implements ControlPlaneLink {
  readonly url: string;
  readonly natsUrl: string;
  /** PEM of the CA of its public name; undefined: the system's. */
  readonly caFile: string | undefined;
  readonly api: ControlApiArgs;
  readonly life: Resource;
  /** Ready once a gateway can connect: control plane and NATS. */
  readonly ready: readonly Resource[];
  readonly #urls: Map<string, string>;

  constructor(name: string, args: ControlPlaneArgs, opts?: ComponentResourceOptions) {
    super('portolan:index:ControlPlane', name, {}, opts);
    const owner = `ControlPlane(${name})`;
    const plan = checkControlPlane(name, args);
    const place = args.site.placeControlPlane({ owner, name, url: plan.url });
    const database = args.site.database(this);
    this.url = plan.url;
    this.natsUrl = place.nats.url;
    this.caFile = place.caFile;
    this.api = { url: plan.url, caFile: place.caFile, adminTokenFile: place.adminTokenFile };
    this.life = runControlPlane(args.site, { plan, place, database }, this);
    this.ready = [this.life, runNats(args.site, place.nats, this.life, this)];
    this.#urls = new Map([[plan.url, owner]]);
    this.registerOutputs({ url: this.url, natsUrl: this.natsUrl });
  }

  /** Every URL of a federation stands for one plane. Throws an ArgumentError for the second that asks. */
  claimUrl(owner: string, url: string): void {
    const holder = this.#urls.get(url);
    if (holder) throw new ArgumentError(`${owner}.url`, `"${url}" is the URL of ${holder}; give each plane its own.`);
    this.#urls.set(url, owner);
  }
}

interface Parts {
  readonly plan: ControlPlanePlan;
  readonly place: ControlPlanePlace;
  readonly database: Database;
}

function runControlPlane(site: Site, { plan, place, database }: Parts, owner: ComponentResource): Resource {
  const { configFile, listen } = place;
  const workload = {
    name: 'control-plane',
    program: 'control-plane',
    args: ['serve', '--config', configFile],
    prepare: [['init', '--config', configFile]],
    config: { path: configFile, content: controlPlaneConfig(plan, place) },
    secretFiles: [],
    env: databaseEnv(database),
    ports: { ...listen },
    health: { listen: listen.health, path: '/readyz' },
    after: database.ready,
  } as const;
  return site.run(workload, owner);
}

function databaseEnv({ url, passFile }: Database): Record<string, Input<string>> {
  return passFile === undefined ? { DATABASE_URL: url } : { DATABASE_URL: url, PGPASSFILE: passFile };
}

/** After the control plane, whose birth writes its configuration. */
function runNats(site: Site, nats: NatsPlace, born: Resource, owner: ComponentResource): Resource {
  const workload = {
    name: 'nats',
    program: 'nats-server',
    args: ['--config', nats.configFile],
    secretFiles: [nats.configFile],
    ports: { clients: nats.listen, monitor: nats.monitor },
    health: { listen: nats.monitor, path: '/healthz' },
    after: [born],
  } as const;
  return site.run(workload, owner);
}
