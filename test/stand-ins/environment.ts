/**
 * Everything that a stack in clusters needs and this machine lacks: a real API server for each site's cluster, and a control plane's API
 * from memory behind the address that its balancer would have.
 */
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { adminToken, RegistryStandIn } from '../../provider/test/registry-stand-in.ts';
import type { ProgramSettings } from '../../tools/programs/settings.ts';
import type { StandIns } from '../../tools/programs/stand-in-settings.ts';
import { playBirth } from './birth.ts';
import { type Cluster, startCluster } from './kubernetes/index.ts';
import { publicCertificate } from './public-certificate.ts';

export interface Environment extends AsyncDisposable {
  /** What settings get in place of what they name. */
  readonly standIns: StandIns;
  readonly clusters: ReadonlyMap<string, Cluster>;
  readonly registry: RegistryStandIn;
}

const httpsPort = 443;

/** @param folder For certificates; exists. Throws an Error that says which part did not start. */
export async function startEnvironment(settings: ProgramSettings, folder: string): Promise<Environment> {
  const stop = new AbortController();
  const stack = new AsyncDisposableStack();
  try {
    const addresses = await addressesOf(settings);
    const clusters = new Map<string, Cluster>();
    for (const [name, site] of Object.entries(settings.sites)) {
      const pool = Object.entries(addresses).flatMap(([plane, address]) =>
        siteOf(settings, plane) === name ? [address] : [],
      );
      const { class: balancer } = site.ingress;
      const cluster = stack.use(
        await startCluster({
          name,
          site: {
            storageClasses: site.storageClass === undefined ? [] : [{ name: site.storageClass }],
            loadBalancers: { pool, ...(balancer === undefined ? {} : { class: balancer }) },
            monitoring: site.monitoring === 'prometheus-operator',
          },
        }),
      );
      clusters.set(name, cluster);
    }
    const registry = stack.use(await startRegistry(settings, addresses.control ?? '', folder));
    const control = clusters.get(settings.control.site);
    if (control === undefined) throw new Error(`settings name no site ${settings.control.site}`);
    const playing = playBirth({ api: control.api, namespace: 'portolan-control', adminToken, signal: stop.signal });
    stack.defer(async () => {
      stop.abort();
      await playing;
    });
    const parts = stack.move();
    return {
      standIns: standInsOf(clusters, addresses, folder),
      clusters,
      registry,
      [Symbol.asyncDispose]: () => parts.disposeAsync(),
    };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

function standInsOf(
  clusters: ReadonlyMap<string, Cluster>,
  addresses: Readonly<Record<string, string>>,
  folder: string,
): StandIns {
  const sites = [...clusters].map(([name, { kubeconfig, issuer, jwks }]) => {
    return [name, { kubeconfig, issuer, jwks: { keys: jwks.keys.map((key) => ({ ...key })) } }] as const;
  });
  return {
    pid: process.pid,
    provider: join(import.meta.dirname, 'kubernetes', 'provider'),
    caFile: caFileIn(folder),
    sites: Object.fromEntries(sites),
    addresses,
  };
}

const caFileIn = (folder: string): string => join(folder, 'authority.crt');

async function startRegistry(settings: ProgramSettings, address: string, folder: string): Promise<RegistryStandIn> {
  const { ca, cert, key } = await publicCertificate([new URL(settings.control.url).hostname]);
  writeFileSync(caFileIn(folder), ca);
  return new RegistryStandIn().startTls({ address, port: httpsPort, cert, key });
}

const siteOf = ({ control, gateways }: ProgramSettings, plane: string): string | undefined =>
  plane === 'control' ? control.site : gateways[plane]?.site;

/** Plane → an address of loopback that nobody uses: each environment has a network of its own in 127.64.0.0/10. */
async function addressesOf(settings: ProgramSettings): Promise<Readonly<Record<string, string>>> {
  const planes = ['control', ...Object.keys(settings.gateways)];
  for (let network = 64; network < 128; network += 1) {
    const addresses = planes.map((plane, at) => [plane, `127.${network}.0.${at + 1}`] as const);
    if (await isFree(`127.${network}.0.1`)) return Object.fromEntries(addresses);
  }
  throw new Error('no address of 127.64.0.0/10 is free');
}

function isFree(address: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EACCES') return resolve(false);
      reject(
        new Error(
          `port ${httpsPort} of ${address} needs rights: run as root, or \`sysctl net.ipv4.ip_unprivileged_port_start=443\``,
        ),
      );
    });
    server.listen(httpsPort, address, () => server.close(() => resolve(true)));
  });
}
