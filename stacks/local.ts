/**
 * Program `local`: a whole federation on this machine. Four gateways stand for four networks; each MCP server is within
 * reach of one of them. Everything is real but the distance.
 */
import { ControlPlane, GatewayPlane, LocalSite, Mesh } from '@portolan/components';
import { Grant, User } from '@portolan/provider';
import { exampleServers } from './example-servers.ts';
import { LocalSettings } from './local-settings.ts';
import { siteArgs } from './local-site-args.ts';
import { parseSettings, type Settings } from './settings.ts';

/** Creates the federation. Throws before anything exists where the settings cannot be used. */
export function local(settings: Settings) {
  const { federation, certificateLife, local: own } = parseSettings(LocalSettings, settings);
  const { upstreamPorts, urls } = own;
  const ports = upstreamPorts; // of MCP servers; of one elsewhere on this machine: [...upstreamPorts, 9000]
  const upstreamCidrs = ['127.0.0.0/8', '::1/128'].map((cidr) => ({ cidr, ports }));
  const site = new LocalSite('local', { ...siteArgs(own), upstreamCidrs });

  const control = new ControlPlane('control', {
    site,
    url: urls.control,
    federation,
    certificateLife,
    maxStaleness: '30d', // a laptop sleeps for days
    renewGrace: '30d',
  });

  const aws = new GatewayPlane('aws', { site, url: urls.gateways.aws, control });
  const azure = new GatewayPlane('azure', { site, url: urls.gateways.azure, control });
  const gcp = new GatewayPlane('gcp', { site, url: urls.gateways.gcp, control });
  const onprem = new GatewayPlane('onprem', { site, url: urls.gateways.onprem, control });
  const gateways = [aws, azure, gcp, onprem];
  new Mesh('mesh', { control, gateways });

  const example = exampleServers(site, own);
  const analytics = example('mcp-analytics', aws, 'Web analytics: visits, funnels and top pages.');
  const m365 = example('mcp-m365', azure, 'Office: calendar, mail and files.');
  const devops = example('mcp-devops', azure, 'Work items, pipelines and pull requests.');
  const bigquery = example('mcp-bigquery', gcp, 'Tables of the data warehouse, and queries over them.');
  const legacy = example('mcp-legacy', onprem, 'A server that speaks only the older protocol, with sessions.');

  const alice = new User('alice', { control, displayName: 'Alice' });
  const bob = new User('bob', { control, displayName: 'Bob' });
  for (const server of [analytics, m365, devops, bigquery, legacy]) {
    new Grant(`alice-${server.entryName}`, { principal: alice, server, everything: true });
  }
  new Grant('bob-mcp-m365', { principal: bob, server: m365, tools: ['get_calendar_events', 'list_files'] });

  return {
    controlPlane: control.url,
    gateways: Object.fromEntries(gateways.map(({ entryName, url }) => [entryName, url])),
  };
}
