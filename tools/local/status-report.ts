// What `status` prints. Pure: values in, text out. Revisions are shown with what they mean: each gateway counts its own
// snapshots, so two numbers of different gateways say nothing beside each other.

import type { api } from '@portolan/core';
import { table } from './report.ts';

export interface Part {
  readonly name: string;
  readonly health: 'ready' | 'not ready' | 'not running';
  readonly pid: number;
  /** Of gateways: what the control plane knows; null while it does not answer, or knows no such gateway. */
  readonly gateway?: GatewayPart | null;
}

export type GatewayPart = Pick<
  api.GatewayStatus,
  'revision' | 'appliedRevision' | 'lag' | 'connected' | 'drift' | 'lastReportAt'
>;

/** @param told What the control plane tells beside its gateways; null while it does not. */
export function statusReport(
  parts: readonly Part[],
  told: Pick<api.FederationStatus, 'mcpServers' | 'certificates'> | null,
  now: Date,
): string {
  const rows = parts.map(({ name, health, pid, gateway }) => [
    name,
    health,
    health === 'not running' ? '' : String(pid),
    gateway === undefined ? '' : gateway === null ? 'unknown' : snapshot(gateway),
    ago(gateway?.lastReportAt, now),
  ]);
  const blind = parts.some(({ gateway }) => gateway === null);
  const why = 'The control plane does not tell, so what the gateways have applied is unknown.';
  const processes = [table([['PART', 'HEALTH', 'PID', 'SNAPSHOT', 'HEARD FROM'], ...rows]), ...(blind ? [why] : [])];
  const tables = [
    ...(told?.mcpServers.length ? ['', serverTable(told.mcpServers, now)] : []),
    ...(told?.certificates.length ? ['', certificateTable(told.certificates, now)] : []),
  ];
  return [...processes, ...tables].join('\n');
}

/** What each gateway found when it last probed the MCP servers that it dials; `-` is unknown. */
function serverTable(servers: readonly api.McpServerStatus[], now: Date): string {
  const rows = servers.map((server) => [
    server.name,
    server.gateway,
    server.reachable === null ? 'unknown' : server.reachable ? 'yes' : 'NO',
    server.era ?? '-',
    versions(server.protocolVersions ?? []),
    server.tools === null ? '-' : String(server.tools),
    ago(server.checkedAt, now),
    server.lastError ? `${server.lastError.code}, ${ago(server.lastError.at, now)}` : '',
  ]);
  const head = ['MCP SERVER', 'GATEWAY', 'REACHABLE', 'ERA', 'VERSIONS', 'TOOLS', 'CHECKED', 'LAST ERROR'];
  return table([head, ...rows]);
}

/** Public certificates that are ordered by ACME. */
function certificateTable(certificates: readonly api.PlaneCertificateStatus[], now: Date): string {
  const rows = certificates.map(({ plane, name, notAfter, late, lastError }) => [
    plane,
    name ?? '-',
    notAfter === null ? 'none yet' : `${notAfter}${late ? ', LATE' : ''}`,
    lastError ? `${lastError.message}, ${ago(lastError.at, now)}` : '',
  ]);
  return table([['CERTIFICATE OF', 'NAME', 'ENDS', 'LAST ERROR'], ...rows]);
}

/** The first, and how many more. */
const versions = ([first = '-', ...more]: readonly string[]): string =>
  more.length === 0 ? first : `${first} +${more.length}`;

const ago = (at: string | null | undefined, now: Date): string => (at ? age(now.getTime() - Date.parse(at)) : '');

/** `current (revision 7)`, `2 behind (revision 5 of 7)` */
function snapshot({ revision, appliedRevision, lag, connected, drift }: GatewayPart): string {
  const silent = connected ? '' : ', not connected';
  if (appliedRevision === null || lag === null) return `none applied yet${silent}`;
  if (drift) return `not what was published (revision ${revision})${silent}`;
  if (lag === 0) return `current (revision ${revision})${silent}`;
  return `${lag} behind (revision ${appliedRevision} of ${appliedRevision + lag})${silent}`;
}

/** `4 s ago`, `12 min ago`, `3 h ago`, `2 d ago` */
function age(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 100) return `${seconds} s ago`;
  if (seconds < 100 * 60) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 48 * 3600) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86_400)} d ago`;
}
