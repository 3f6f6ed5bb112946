/**
 * One machine as a site: planes run as processes that outlive the engine, on loopback, with a real PostgreSQL, a real
 * nats-server and the planes' own bundles. Default stack and test bed.
 */
import { compileReach } from '@portolan/core';
import { ArgumentError, Process, type ProcessArgs } from '@portolan/provider';
import { ComponentResource, type ComponentResourceOptions, type Resource } from '@pulumi/pulumi';
import type { LocalSiteArgs } from './local-site/args.ts';
import { type Claim, Claims } from './local-site/claims.ts';
import { filesOf, processOf } from './local-site/command-line.ts';
import { adminTokenFile, controlPlanePlace, gatewayPlace } from './local-site/place.ts';
import { checkLocalSite, type LocalSitePlan } from './local-site/validate.ts';
import type { Workload } from './local-site/workload.ts';
import { controlPlaneWorkload, gatewayWorkload, natsWorkload } from './local-site/workloads.ts';
import type {
  ControlPlaneAddress,
  ControlPlanePlace,
  ControlPlaneRun,
  GatewayPlace,
  GatewayRun,
  PlaneAddress,
  RunningControlPlane,
  RunningGateway,
  Site,
} from './site.ts';

export type { LocalDatabase, LocalProgram, LocalSiteArgs } from './local-site/args.ts';

/**
 * A site on this machine.
 *
 * Creates nothing by itself; each plane on it adds its processes. Cost: about 80 MB of memory a process. Security: every
 * listener is on 127.0.0.1; secrets are files of mode 0600 below `dir`; whoever may read `dir` may do everything. Gateways
 * dial MCP servers in `upstreamCidrs` alone, so that nobody can register PostgreSQL, or another plane's door, as one.
 *
 * @example
 * const upstreamCidrs = [{ cidr: '127.0.0.0/8', ports: [18_480, 18_481] }];
 * const site = new LocalSite('local', { dir, node, natsServer, controlPlaneBundle, gatewayBundle, database, upstreamCidrs });
 */
export class LocalSite extends ComponentResource implements Site {
  readonly name: string;
  readonly #plan: LocalSitePlan;
  readonly #claims = new Claims();

  constructor(name: string, args: LocalSiteArgs, opts?: ComponentResourceOptions) {
    super('portolan:index:LocalSite', name, {}, opts);
    this.name = name;
    this.#plan = checkLocalSite(name, args);
    this.registerOutputs({ dir: this.#plan.dir });
  }

  placeControlPlane(plane: ControlPlaneAddress): ControlPlanePlace {
    const place = controlPlanePlace(this.#plan.dir, plane);
    const { listen, nats } = place;
    this.#claims.claim({ owner: plane.owner, property: 'url' }, [
      ...Object.values(listen),
      nats.config.listen,
      nats.config.monitor,
    ]);
    return place;
  }

  placeGateway(plane: PlaneAddress): GatewayPlace {
    const place = gatewayPlace(this.#plan.dir, plane, this.#plan.upstreamCidrs);
    this.#claims.claim({ owner: plane.owner, property: 'url' }, Object.values(place.listen));
    return place;
  }

  runControlPlane({ plane, place, config }: ControlPlaneRun, owner: ComponentResource): RunningControlPlane {
    const database = this.#database(owner);
    const life = this.#run(controlPlaneWorkload(place, config, this.#plan.database, database), owner);
    const nats = this.#run(natsWorkload(place, life), owner); // its configuration is written by the control plane's birth
    const api = { url: plane.url, caFile: place.caFile, adminTokenFile: adminTokenFile(place.dataDir) };
    return { life, ready: [life, nats], api };
  }

  runGateway(run: GatewayRun, owner: ComponentResource): RunningGateway {
    return { life: this.#run(gatewayWorkload(run), owner) };
  }

  #database(owner: ComponentResource): readonly Resource[] {
    const { database } = this.#plan;
    if (database.kind === 'external') return [];
    const { run, prepare, url } = database;
    const { hostname: host, port } = new URL(url);
    const process = this.runProcess(
      {
        name: 'postgres',
        ...run,
        prepare,
        listens: [`${host}:${port || 5432}`],
        readiness: { kind: 'tcp', host, port: Number(port || 5432), protocol: 'postgresql', timeoutSeconds: 60 },
        stopSignal: 'SIGINT', // "fast": sessions are ended, data is safe; SIGTERM would wait for every client to leave
      },
      owner,
    );
    return [process];
  }

  #run(workload: Workload, owner: ComponentResource): Resource {
    this.#claims.claim({ owner: workload.name, property: 'name' }, [`process ${workload.name}`]);
    return new Process(workload.name, processOf(this.#plan, workload), {
      parent: owner,
      dependsOn: [...workload.after],
    });
  }

  /** A program that is not a plane: an MCP server, a database. Its log and its run file lie with the site's. */
  runProcess(args: SiteProcessArgs, owner: ComponentResource): Process {
    this.#claims.claim({ owner: args.name, property: 'name' }, [`process ${args.name}`]);
    const { dir } = this.#plan;
    return new Process(args.name, { cwd: dir, ...filesOf(dir, args.name), ...args }, { parent: owner });
  }

  /** Throws an ArgumentError where the loopback port is another's already, or one that no gateway of this site may dial. */
  claimServerPort(claim: Claim, port: number): void {
    this.#claims.claim(claim, [`127.0.0.1:${port}`]);
    if (compileReach(this.#plan.upstreamCidrs)('127.0.0.1', port)) return;
    throw new ArgumentError(
      `${claim.owner}.${claim.property}`,
      `port ${port} is one that no gateway of LocalSite(${this.name}) may dial; add it to the site's upstreamCidrs, or choose another.`,
    );
  }

  /** The Node that processes of this site run on. */
  get node(): string {
    return this.#plan.node;
  }
}

/** A process whose place is the site's affair. */
export type SiteProcessArgs = Omit<ProcessArgs, 'name' | 'cwd' | 'logFile' | 'runFile'> & { readonly name: string };
