/**
 * What kwok plays, as its Stage objects (kwok.x-k8s.io/v1alpha1): nodes become ready; pods run and are ready at once; pods
 * of a Job complete; deleted pods go. A pod annotated `portolan.dev/stays: pending` is left as it is, and one annotated
 * `portolan.dev/fails: "true"` ends with exit code 1.
 */

const annotation = (name: string) => `.metadata.annotations["portolan.dev/${name}"]`;
const exists = (key: string) => ({ key, operator: 'Exists' });
const missing = (key: string) => ({ key, operator: 'DoesNotExist' });
const among = (key: string, ...values: string[]) => ({ key, operator: 'In', values });

function stage(name: string, kind: 'Node' | 'Pod', matchExpressions: object[], next: object): object {
  return {
    apiVersion: 'kwok.x-k8s.io/v1alpha1',
    kind: 'Stage',
    metadata: { name },
    spec: { resourceRef: { apiGroup: 'v1', kind }, selector: { matchExpressions }, next },
  };
}

const nodeReady = `
{{ $now := Now }}
conditions:
{{ range NodeConditions }}
- lastHeartbeatTime: {{ $now | Quote }}
  lastTransitionTime: {{ $now | Quote }}
  message: {{ .message | Quote }}
  reason: {{ .reason | Quote }}
  status: {{ .status | Quote }}
  type: {{ .type | Quote }}
{{ end }}
addresses:
- { type: Hostname, address: {{ .metadata.name | Quote }} }
allocatable: { cpu: "64", memory: 256Gi, pods: "500" }
capacity: { cpu: "64", memory: 256Gi, pods: "500" }
`;

const containers = (state: string, ready: boolean) => `
containerStatuses:
{{ range .spec.containers }}
- name: {{ .name | Quote }}
  image: {{ .image | Quote }}
  ready: ${ready}
  started: ${ready}
  restartCount: 0
  state: ${state}
{{ end }}
`;

const podRunning = `
{{ $now := Now }}
conditions:
{{ range list "Initialized" "Ready" "ContainersReady" }}
- { type: {{ . }}, status: "True", lastTransitionTime: {{ $now | Quote }} }
{{ end }}
${containers('{ running: { startedAt: {{ $now | Quote }} } }', true)}
initContainerStatuses:
{{ range .spec.initContainers }}
- name: {{ .name | Quote }}
  image: {{ .image | Quote }}
  ready: true
  restartCount: 0
  {{ if eq (or .restartPolicy "") "Always" }}
  started: true
  state: { running: { startedAt: {{ $now | Quote }} } }
  {{ else }}
  state: { terminated: { exitCode: 0, reason: Completed, startedAt: {{ $now | Quote }}, finishedAt: {{ $now | Quote }} } }
  {{ end }}
{{ end }}
hostIP: 127.0.0.1
podIP: {{ PodIPWith .spec.nodeName ( or .spec.hostNetwork false ) ( or .metadata.uid "" ) ( or .metadata.name "" ) ( or .metadata.namespace "" ) | Quote }}
phase: Running
startTime: {{ $now | Quote }}
`;

const podEnded = (phase: 'Succeeded' | 'Failed', code: 0 | 1, reason: string) => `
{{ $now := Now }}
conditions:
{{ range list "Ready" "ContainersReady" }}
- { type: {{ . }}, status: "False", reason: PodCompleted, lastTransitionTime: {{ $now | Quote }} }
{{ end }}
${containers(`{ terminated: { exitCode: ${code}, reason: ${reason}, startedAt: {{ $now | Quote }}, finishedAt: {{ $now | Quote }} } }`, false)}
phase: ${phase}
`;

const living = missing('.metadata.deletionTimestamp');

export const stages: readonly object[] = [
  stage(
    'node-ready',
    'Node',
    [{ key: '.status.conditions.[] | select( .type == "Ready" ) | .status', operator: 'NotIn', values: ['True'] }],
    { statusTemplate: nodeReady },
  ),
  stage('pod-running', 'Pod', [living, missing('.status.podIP'), missing(annotation('stays'))], {
    statusTemplate: podRunning,
  }),
  stage(
    'pod-complete',
    'Pod',
    [
      living,
      among('.status.phase', 'Running'),
      among('.metadata.ownerReferences.[].kind', 'Job'),
      missing(annotation('fails')),
    ],
    { statusTemplate: podEnded('Succeeded', 0, 'Completed') },
  ),
  stage('pod-fails', 'Pod', [living, among('.status.phase', 'Running'), exists(annotation('fails'))], {
    statusTemplate: podEnded('Failed', 1, 'Error'),
  }),
  stage('pod-delete', 'Pod', [exists('.metadata.deletionTimestamp')], { finalizers: { empty: true }, delete: true }),
];
