/** Flows in words, for people who must approve them: what a program exports as `flows`, and `npx portolan flows` prints. Pure. */
import type { End, Flow, FlowPort } from './flow.ts';

/** Plain texts; no addresses but those of rules. */
export interface DescribedFlow {
  readonly id: string;
  readonly reason: string;
  /** `gateway aws: namespace portolan-aws of cluster eu, seen elsewhere as 203.0.113.7/32` */
  readonly from: string;
  readonly to: string;
  /** `TCP 443 (8443 at the pod)` */
  readonly ports: readonly string[];
  /** `host:port`, where a plane is called. */
  readonly dials?: string | undefined;
}

export const describeFlow = ({ id, reason, from, to, ports, dials }: Flow): DescribedFlow => ({
  id,
  reason,
  from: describeEnd(from),
  to: describeEnd(to),
  ports: ports.map(describePort),
  ...(dials === undefined ? {} : { dials }),
});

function describeEnd(end: End): string {
  switch (end.kind) {
    case 'plane': {
      const seen = 'outside' in end ? `, seen elsewhere as ${list(end.outside)}` : '';
      return `${end.says}: namespace ${end.namespace} of cluster ${end.cluster}${seen}`;
    }
    case 'pods':
      return `${end.says}: namespace ${end.namespace}${labels(end.labels)}`;
    case 'networks':
      return `${end.says}: ${list(end.blocks?.map(({ cidr, except }) => (except ? `${cidr} but not ${except.join(', ')}` : cidr)))}`;
    default:
      return end.says;
  }
}

const list = (texts: readonly string[] | undefined): string =>
  texts === undefined ? 'not known yet' : texts.join(', ') || 'nobody';

function labels(all: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(all).map(([key, value]) => `${key}=${value}`);
  return pairs.length === 0 ? '' : `, ${pairs.join(', ')}`;
}

function describePort({ protocol, port, endPort, dialledPort = port }: FlowPort): string {
  if (endPort !== undefined) return `${protocol} ${port}-${endPort}`;
  return dialledPort === port ? `${protocol} ${port}` : `${protocol} ${dialledPort} (${port} at the pod)`;
}
