/** What the gateway must reach, and whether a run did. Pure. A value that was not measured is neither reached nor missed. */
import type { Measured } from './measure.ts';
import type { Run } from './run-description.ts';

export interface Verdict {
  readonly goal: string;
  readonly limit: number;
  readonly unit: '× nginx' | 'MB' | 'KB' | 'ms';
  readonly value: number | undefined;
  readonly reached: boolean | undefined;
}

/** CPU per call as a multiple of nginx's in the same run; undefined when either is missing. */
export function timesNginx(measured: readonly Measured[], name: Measured['name']): number | undefined {
  const cost = (of: Measured['name']) => measured.find((one) => one.name === of)?.cpu;
  const [nginx, other] = [cost('nginx'), cost(name)];
  return nginx === undefined || other === undefined || nginx === 0 ? undefined : other / nginx;
}

export function verdicts({
  measured,
  changes,
  streams,
  lists,
}: Pick<Run, 'measured' | 'changes' | 'streams' | 'lists'>): Verdict[] {
  const resident = measured.filter(({ name }) => name.endsWith('gateways') || name.endsWith('gateway'));
  const bytes = resident.flatMap((one) => Object.values(one.residentBytes));
  const largest = bytes.length === 0 ? undefined : Math.max(...bytes) / 1e6;
  return [
    verdict('CPU per call, one hop', 4, '× nginx', timesNginx(measured, 'one gateway')),
    verdict('CPU per call, two hops', 9, '× nginx', timesNginx(measured, 'two gateways')),
    verdict('resident memory of a gateway after the run', 150, 'MB', largest),
    verdict('a registration change at every gateway, p99', 250, 'ms', changes?.ms.p99),
    verdict('a quiet stream, plain', 50, 'KB', streams && streams.plainBytes / 1e3),
    verdict('a quiet stream, TLS on both sides', 110, 'KB', streams && streams.tlsBytes / 1e3),
    verdict('10 MB to a slow reader', 10, 'MB', streams && streams.slowReaderBytes / 1e6),
    verdict('a list of 1,000 tools, filtered', 10, 'ms', lists?.filteredMs),
    verdict('a list of 1,000 tools, known', 2, 'ms', lists?.knownMs),
  ];
}

function verdict(goal: string, limit: number, unit: Verdict['unit'], value: number | undefined): Verdict {
  return { goal, limit, unit, value, reached: value === undefined ? undefined : value <= limit };
}
