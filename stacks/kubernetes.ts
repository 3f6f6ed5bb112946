/**
 * Program `kubernetes`: a federation in clusters that are there, as its settings say. Stacks `dev` (one cluster) and `onprem` (two)
 * run it; a new environment is one more settings file.
 */
import {
  type Certificate,
  type CertificateOrders,
  ControlPlane,
  GatewayPlane,
  KubernetesSite,
  type KubernetesSiteArgs,
  Mesh,
} from '@portolan/components';
import { Grant, McpServer, User } from '@portolan/provider';
import { KubernetesSettings } from './kubernetes-settings.ts';
import { parseSettings, type Settings } from './settings.ts';

/** Creates the federation. Throws before anything exists where the settings cannot be used. */
export function kubernetes(settings: Settings) {
  const { federation, sites: places, control: own, ...rest } = parseSettings(KubernetesSettings, settings);

  const sites = entries(places, (name, args) => new KubernetesSite(name, args as unknown as KubernetesSiteArgs));

  const { site, certificate, certificates, ...about } = own;
  const control = new ControlPlane('control', {
    ...about,
    site: pick(sites, site),
    federation,
    certificate: certificate as Certificate | undefined,
    certificates: certificates as CertificateOrders | undefined,
  });

  const gateways = entries(rest.gateways, (name, { site: at, certificate: from, ...args }) => {
    const where = { site: pick(sites, at), control, certificate: from as Certificate | undefined };
    return new GatewayPlane(name, { ...args, ...where });
  });
  const mesh = new Mesh('mesh', { control, gateways: [...gateways.values()] });

  const servers = entries(rest.servers, (name, { gateway, ...args }) => {
    return new McpServer(name, { ...args, gateway: pick(gateways, gateway) });
  });
  const users = new Map(rest.users.map((name) => [name, new User(name, { control })]));
  entries(rest.grants, (name, { user, server, ...what }) => {
    return new Grant(name, { principal: pick(users, user), server: pick(servers, server), ...what });
  });

  return {
    controlPlane: control.url,
    flows: mesh.flows,
    gateways: Object.fromEntries([...gateways].map(([name, { url }]) => [name, url])),
  };
}

function entries<From, To>(
  record: Readonly<Record<string, From>>,
  make: (name: string, value: From) => To,
): ReadonlyMap<string, To> {
  return new Map(Object.entries(record).map(([name, value]) => [name, make(name, value)]));
}

/** The settings were checked: what is named is there. */
function pick<Value>(among: ReadonlyMap<string, Value>, name: string): Value {
  const found = among.get(name);
  if (found === undefined) throw new Error(`"${name}" is not among ${[...among.keys()].join(', ')}`);
  return found;
}
