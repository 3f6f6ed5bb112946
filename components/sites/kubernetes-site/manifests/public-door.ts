/** The Service behind a plane's public address. TLS passes through unchanged: the planes themselves end it. */

import type { Part, ports } from '../names.ts';
import type { Ingress } from './ingress.ts';
import { type Manifest, manifest } from './manifest.ts';
import { metadataOf, type PlaneOnSite } from './plane.ts';

export interface Door {
  readonly selector: Readonly<Record<string, string>>;
  /** Port outside by the name of the pods' port: pods without a port of that name do not stand behind it. */
  readonly listens: Readonly<Partial<Record<keyof typeof ports, number>>>;
  /** Who may come; absent: as the network rules say. */
  readonly sourceRanges?: readonly string[] | undefined;
}

export function publicDoor(on: PlaneOnSite, part: Part, door: Door): Manifest<'Service'> {
  const { ingress } = on.site;
  const annotations = ingress.kind === 'load-balancer' ? ingress.annotations : undefined;
  const metadata = metadataOf(on, part, part);
  return manifest('Service', 'door', {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: annotations ? { ...metadata, annotations } : metadata,
    spec: { ...specOf(ingress, on.plane, door), selector: door.selector },
  });
}

function specOf(ingress: Ingress, plane: string, { listens, sourceRanges }: Door) {
  const open = Object.entries(listens).map(([name, port]) => ({ name, port, targetPort: name, protocol: 'TCP' }));
  if (ingress.kind === 'given') return { type: 'ClusterIP', ports: open };
  const local = { externalTrafficPolicy: 'Local' }; // the source address stays what it is: rules name it
  if (ingress.kind === 'node-port') {
    const base = Number(ingress.ports[plane]);
    return { type: 'NodePort', ...local, ports: open.map((one, at) => ({ ...one, nodePort: base + at })) };
  }
  const address = ingress.addresses?.[plane];
  return {
    type: 'LoadBalancer',
    ...local,
    ...(ingress.class ? { loadBalancerClass: ingress.class } : {}),
    ...(address ? { loadBalancerIP: address } : {}),
    ...(sourceRanges ? { loadBalancerSourceRanges: [...sourceRanges] } : {}),
    ports: open,
  };
}
