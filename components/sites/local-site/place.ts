/**
 * Where planes live on one machine: folders below the site's, ports that follow the plane's own. Pure.
 * A plane's URL says everything: its port is the TLS listener, the next three are loopback door, health and metrics; of a
 * control plane the two after them are NATS's.
 */
import { join } from 'node:path';
import type { ReachRange } from '@portolan/core';
import { ArgumentError } from '@portolan/provider';
import type { ControlPlaneAddress, ControlPlanePlace, GatewayPlace, Listeners, PlaneAddress } from '../site.ts';

const loopback = '127.0.0.1';
/** A `Process` is killed 10 s after it was asked to end. */
const drainTimeoutMs = 8_000;
/** Nobody balances. */
const drainDelayMs = 0;
const localHosts: ReadonlySet<string> = new Set(['localhost', loopback]);

/** Written by the control plane's birth. */
export const adminTokenFile = (dataDir: string): string => join(dataDir, 'admin-token');

/** Written by the control plane's birth. */
export const natsConfFile = (dataDir: string): string => join(dataDir, 'nats.conf');

/** Where the CA and the certificate of the site lie; the control plane makes them at its birth. */
const siteFile = (dir: string, file: string): string => join(dir, 'control-plane', 'site', file);

export function controlPlanePlace(dir: string, plane: ControlPlaneAddress): ControlPlanePlace {
  refuseCertificate(plane);
  if (plane.certificates !== undefined)
    throw new ArgumentError(
      `${plane.owner}.certificates`,
      'a LocalSite makes the certificates of its planes and orders none; leave it out.',
    );
  const port = portOf(plane, 6);
  const dataDir = join(dir, 'control-plane');
  const natsUrl = `nats://${new URL(plane.url).hostname}:${port + 4}`;
  return {
    listen: listenersFrom(port),
    siteCertificate: { hosts: [...localHosts] },
    caFile: siteFile(dir, 'ca.crt'),
    configFile: join(dir, 'config', 'control-plane.yaml'),
    dataDir,
    nats: {
      publicUrl: natsUrl,
      config: { url: natsUrl, listen: at(port + 4), monitor: at(port + 5), storeDir: join(dir, 'nats') },
    },
  };
}

export function gatewayPlace(dir: string, plane: PlaneAddress, upstreamCidrs: readonly ReachRange[]): GatewayPlace {
  refuseCertificate(plane);
  return {
    listen: listenersFrom(portOf(plane, 4)),
    certificate: { certFile: siteFile(dir, 'tls.crt'), keyFile: siteFile(dir, 'tls.key') },
    configFile: join(dir, 'config', `gateway-${plane.name}.yaml`),
    dataDir: join(dir, 'gateways', plane.name),
    authoritiesFile: ({ caFile }) => caFile,
    enrolment: {
      by: 'secret',
      enrolmentFile: join(dir, 'gateways', `${plane.name}.enrolment.json`),
      identityFile: join(dir, 'gateways', plane.name, 'identity', 'identity.json'),
    },
    upstreamCidrs,
    drainDelayMs,
    drainTimeoutMs,
  };
}

function refuseCertificate({ owner, certificate }: PlaneAddress): void {
  if (certificate === undefined) return;
  throw new ArgumentError(`${owner}.certificate`, 'a LocalSite makes the certificates of its planes; leave it out.');
}

/** @param size How many ports in a row the plane needs. */
function portOf({ owner, url }: PlaneAddress, size: number): number {
  const { hostname, port } = new URL(url);
  if (!localHosts.has(hostname)) {
    throw new ArgumentError(`${owner}.url`, `expected https://localhost:<port> on a LocalSite; got "${url}".`);
  }
  const last = 65_536 - size;
  if (Number(port) < 1024 || Number(port) > last) {
    throw new ArgumentError(
      `${owner}.url`,
      `expected a port from 1024 to ${last}, for ${size} in a row; got "${url}".`,
    );
  }
  return Number(port);
}

const at = (port: number): string => `${loopback}:${port}`;

const listenersFrom = (port: number): Listeners => ({
  tls: at(port),
  insecureLoopback: at(port + 1),
  health: at(port + 2),
  metrics: at(port + 3),
});
