/** Node objects and their signs of life, as kubelet keeps them. */
import { type KubeApi, Refused } from '../../stand-ins/kubernetes/index.ts';

const leaseSeconds = 40;
const resources = { cpu: '64', memory: '256Gi', pods: '240', 'ephemeral-storage': '500Gi' };

/** A zone each, so that spreading has something to spread over. */
export async function registerNode(api: KubeApi, name: string, number: number, address: string): Promise<void> {
  const labels = {
    'kubernetes.io/hostname': name,
    'kubernetes.io/os': 'linux',
    'kubernetes.io/arch': process.arch === 'arm64' ? 'arm64' : 'amd64',
    'topology.kubernetes.io/zone': `zone-${number}`,
  };
  const node = { apiVersion: 'v1', kind: 'Node', metadata: { name, labels }, spec: {} };
  await api.ask('POST', '/api/v1/nodes', { body: node }).catch(alreadyThere);
  await api.ask('PATCH', `/api/v1/nodes/${name}/status`, {
    body: { status: statusOf(name, address) },
    contentType: 'application/merge-patch+json',
  });
}

function statusOf(name: string, address: string) {
  const now = new Date().toISOString();
  const condition = (type: string, status: string, reason: string) => ({
    type,
    status,
    reason,
    message: reason,
    lastHeartbeatTime: now,
    lastTransitionTime: now,
  });
  return {
    capacity: resources,
    allocatable: resources,
    conditions: [
      condition('MemoryPressure', 'False', 'KubeletHasSufficientMemory'),
      condition('DiskPressure', 'False', 'KubeletHasNoDiskPressure'),
      condition('PIDPressure', 'False', 'KubeletHasSufficientPID'),
      condition('Ready', 'True', 'KubeletReady'),
    ],
    addresses: [
      { type: 'InternalIP', address },
      { type: 'Hostname', address: name },
    ],
    nodeInfo: {
      ...{
        architecture: 'amd64',
        operatingSystem: 'linux',
        osImage: 'harness',
        kernelVersion: 'harness',
        bootID: name,
      },
      ...{
        containerRuntimeVersion: 'harness://1',
        kubeletVersion: 'v1.36.0',
        kubeProxyVersion: '',
        machineID: name,
        systemUUID: name,
      },
    },
  };
}

/** By lease, as the node controller reads it. */
export async function beat(api: KubeApi, nodes: readonly string[]): Promise<void> {
  const path = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';
  for (const name of nodes) {
    const spec = {
      holderIdentity: name,
      leaseDurationSeconds: leaseSeconds,
      renewTime: new Date().toISOString().replace('Z', '000Z'),
    };
    const options = { body: { spec }, contentType: 'application/merge-patch+json' };
    const body = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name, namespace: 'kube-node-lease' },
      spec,
    };
    await api.ask('PATCH', `${path}/${name}`, options).catch((error: unknown) => {
      if (error instanceof Refused && error.status.code === 404) return api.ask('POST', path, { body });
      throw error;
    });
  }
}

function alreadyThere(error: unknown): void {
  if (!(error instanceof Refused && error.status.code === 409)) throw error;
}
