/** What runs on this machine for each plane. Pure. */
import type { Resource } from '@pulumi/pulumi';
import type { ControlPlanePlace, GatewayRun } from '../site.ts';
import type { LocalDatabase } from './args.ts';
import { natsConfFile } from './place.ts';
import type { Workload } from './workload.ts';

export function controlPlaneWorkload(
  { configFile, listen }: ControlPlanePlace,
  config: string,
  database: Pick<LocalDatabase, 'url' | 'passFile'>,
  after: readonly Resource[],
): Workload {
  return {
    name: 'control-plane',
    program: 'control-plane',
    args: ['serve', '--config', configFile],
    prepare: [['init', '--config', configFile]],
    config: { path: configFile, content: config },
    env: databaseEnv(database),
    ports: { ...listen },
    health: { listen: listen.health, path: '/readyz' },
    after,
  };
}

function databaseEnv({ url, passFile }: Pick<LocalDatabase, 'url' | 'passFile'>): Record<string, string> {
  return passFile === undefined ? { DATABASE_URL: url } : { DATABASE_URL: url, PGPASSFILE: passFile };
}

export function natsWorkload({ nats, dataDir }: ControlPlanePlace, born: Resource): Workload {
  const { listen, monitor } = nats.config;
  return {
    name: 'nats',
    program: 'nats-server',
    args: ['--config', natsConfFile(dataDir)],
    ports: { clients: listen, monitor },
    health: { listen: monitor, path: '/healthz' },
    after: [born],
  };
}

export function gatewayWorkload({ plane, place, config, after }: GatewayRun): Workload {
  const { configFile, listen } = place;
  return {
    name: `gateway-${plane.name}`,
    program: 'gateway',
    args: ['--config', configFile],
    config: { path: configFile, content: config },
    ports: { ...listen },
    health: { listen: listen.health, path: '/readyz' },
    after,
  };
}
