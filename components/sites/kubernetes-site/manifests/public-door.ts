/** The Service behind a plane's public address. TLS passes through unchanged: the planes themselves end it. */

import { publicMark } from '../../../rules/index.ts';
import type { Part, ports } from '../names.ts';
import type { Ingress } from './ingress.ts';
import { type Manifest, manifest } from './manifest.ts';
import { metadataOf, type PlaneOnSite } from './plane.ts';

export interface Door {
  readonly selector: Readonly<Record<string, string>>;
  /** Port outside by the name of the pods' port: pods without a port of that name do not stand behind it. */
  readonly listens: Readonly<Partial<Record<keyof typeof ports, number>>>;
  /** Meant for everyone; else network rules say who may come. */
  readonly isPublic: boolean;
}

export function publicDoor(on: PlaneOnSite, part: Part, door: Door): Manifest<'Service'> {
  const { ingress } = on.site;
  const asked = ingress.kind === 'load-balancer' ? ingress.annotations : undefined;
  const annotations = door.isPublic ? { ...asked, [publicMark]: 'true' } : asked;
  const metadata = metadataOf(on, part, part);
  return manifest('Service', 'door', {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: annotations ? { ...metadata, annotations } : metadata,
    spec: { ...specOf(ingress, on.plane, door), selector: door.selector },
  });
}

function specOf(ingress: Ingress, plane: string, { listens }: Door) {
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
    ports: open,
  };
}
