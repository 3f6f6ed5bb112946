/** What platforms differ in: where names are looked up, and where a pod proves who it is to its cloud. */
import { destinations, everyone, podsIn } from './ends.ts';
import type { End } from './flow.ts';
import type { Platform, SiteNetwork } from './plane-network.ts';
import { ports } from './ports.ts';

interface NameServer {
  readonly id: string;
  readonly to: End;
}

interface IdentityEndpoint {
  readonly id: string;
  readonly reason: string;
  readonly to: End;
  readonly port: number;
}

const kubeDns: NameServer = { id: 'dns', to: podsIn('kube-system', 'DNS of the cluster', { 'k8s-app': 'kube-dns' }) };

// table: EKS Auto Mode runs CoreDNS as a service of the node, at no address that a rule could name
const nameServersOf: Readonly<Record<Platform, readonly NameServer[]>> = {
  generic: [kubeDns],
  aks: [kubeDns],
  eks: [{ id: 'dns', to: { ...everyone, says: 'any name server' } }],
  gke: [
    kubeDns,
    { id: 'dns-cache', to: destinations('DNS cache of the node', ['169.254.20.10/32']) },
    { id: 'dns-metadata', to: destinations('DNS of the metadata server', ['169.254.169.254/32']) },
  ],
};

export const nameServers = (site: SiteNetwork): readonly NameServer[] => nameServersOf[site.platform];

const proves = 'The pod proves to its cloud who it is, in place of a stored key';

// table: elsewhere nobody reaches a metadata service
const workloadIdentityOf: Readonly<Record<Platform, (site: SiteNetwork) => readonly IdentityEndpoint[]>> = {
  generic: () => [],
  eks: () => [
    {
      id: 'identity',
      reason: `${proves} (EKS Pod Identity agent).`,
      to: destinations('Pod Identity agent', ['169.254.170.23/32']),
      port: 80,
    },
  ],
  aks: ({ loginCidrs }) =>
    loginCidrs === undefined
      ? []
      : [
          {
            id: 'identity',
            reason: `${proves} (Entra ID).`,
            to: destinations('Entra login endpoint', loginCidrs),
            port: ports.https,
          },
        ],
  gke: () => [
    {
      id: 'identity',
      reason: `${proves} (GKE metadata server).`,
      to: destinations('GKE metadata server', ['169.254.169.252/32']),
      port: 988,
    },
    {
      id: 'identity-metadata',
      reason: `${proves} (GKE's metadata server stands before the machine's and filters it).`,
      to: destinations('GKE metadata server', ['169.254.169.254/32']),
      port: 80,
    },
  ],
};

export const workloadIdentity = (site: SiteNetwork): readonly IdentityEndpoint[] =>
  workloadIdentityOf[site.platform](site);
