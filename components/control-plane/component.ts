/** The control plane of a federation. */
import { ArgumentError, type ControlApiArgs, type ControlPlaneLink } from '@portolan/provider';
import { ComponentResource, type ComponentResourceOptions, type Resource } from '@pulumi/pulumi';
import type { ControlPlaneNetwork } from '../flows/index.ts';
import { callersOf } from '../plane-schema.ts';
import type { Networked } from '../sites/index.ts';
import type { ControlPlaneArgs } from './args.ts';
import { controlPlaneConfig } from './config.ts';
import { checkControlPlane } from './validate.ts';

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
  /** PEM file on this machine with the CA of its public name; undefined: the system's. */
  readonly caFile: string | undefined;
  readonly api: ControlApiArgs;
  readonly life: Resource;
  /** Ready once a gateway can connect: control plane and NATS. */
  readonly ready: readonly Resource[];
  /** What rules about it follow from; undefined where its site has none. */
  readonly network: Networked<ControlPlaneNetwork> | undefined;
  /** Whether planes may have their certificates by ACME. */
  readonly ordersCertificates: boolean;
  readonly #urls: Map<string, string>;

  constructor(name: string, args: ControlPlaneArgs, opts?: ComponentResourceOptions) {
    super('portolan:index:ControlPlane', name, {}, opts);
    const owner = `ControlPlane(${name})`;
    const plan = checkControlPlane(name, args);
    const { certificate, certificates } = args;
    const plane = {
      owner,
      name,
      url: plan.url,
      certificate,
      certificates,
      callers: callersOf(args),
      callerNamespaces: args.callerNamespaces,
    };
    const place = args.site.placeControlPlane(plane);
    const running = args.site.runControlPlane({ plane, place, config: controlPlaneConfig(plan, place) }, this);
    this.url = plan.url;
    this.ordersCertificates = certificates !== undefined;
    this.natsUrl = place.nats.publicUrl;
    this.caFile = place.caFile;
    this.api = running.api;
    this.life = running.life;
    this.ready = running.ready;
    this.network = running.network;
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
