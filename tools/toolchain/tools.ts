// The programs that npm does not carry: their pinned versions and every official place they come from. Plain data; the
// ways of getting them are in find-tool.ts. A new version is changed here and in tools/<module>/{go.mod,go.sum}.
// table

/** What test clusters need beside the tools of every stack. */
export const clusterTools = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kwok'] as const;

/** Set by `npm test` where not all of them can be had, so that no test uses what else is found. */
export const noClusterVariable = 'PORTOLAN_NO_CLUSTER';

export type ToolName = 'pulumi' | 'nats-server' | 'pebble' | (typeof clusterTools)[number];

/** What is published of one tool for one platform. */
export interface Release {
  /** Address of a .tar.gz, or of the program itself where `members` is absent. */
  readonly url: string;
  /** Address of the vendor's list of `<sha256>  <file>` lines, or of the sum alone. */
  readonly checksumsUrl: string;
  /** Name of what is downloaded in that list. */
  readonly file: string;
  /** Files taken from the archive into the cache; the first is the tool itself and required. Absent: no archive. */
  readonly members?: readonly string[];
}

export interface Tool {
  readonly name: ToolName;
  /** Folder in tools/ that pins the sources; some modules give several tools. */
  readonly module: string;
  /** Pinned version, "x.y.z". One found elsewhere suffices with the same major and at least this minor. */
  readonly version: string;
  /** Environment variable that names a path to use instead of all that follows. */
  readonly variable: string;
  readonly versionArgs: readonly string[];
  /** Go package built in tools/<module>/. */
  readonly goPackage: string;
  readonly ldflags: string;
  readonly release: (platform: NodeJS.Platform, arch: string) => Release | undefined;
  /** What a person does when every way failed. */
  readonly byHand: string;
}

const goArch: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };
const unix: readonly NodeJS.Platform[] = ['linux', 'darwin'];

const pulumiVersion = '3.259.0';
const natsVersion = '2.15.2';
const pebbleVersion = '2.10.3';
const kubernetesVersion = '1.36.3';
const etcdVersion = '3.7.3';
const kwokVersion = '0.8.0';

/** Kubernetes publishes the programs of its control plane for Linux alone; elsewhere they are built. */
function kubernetesTool(name: 'kube-apiserver' | 'kube-controller-manager' | 'kube-scheduler'): Tool {
  const variable = `PORTOLAN_${name.toUpperCase().replaceAll('-', '_')}`;
  const [major, minor] = kubernetesVersion.split('.');
  const stamp = 'k8s.io/component-base/version';
  return {
    name,
    module: 'kubernetes',
    version: kubernetesVersion,
    variable,
    versionArgs: ['--version'],
    goPackage: `k8s.io/kubernetes/cmd/${name}`,
    // without -X it says v0.0.0, and clients take it for a Kubernetes older than all they support
    ldflags: `-s -w -X ${stamp}.gitVersion=v${kubernetesVersion} -X ${stamp}.gitMajor=${major} -X ${stamp}.gitMinor=${minor}`,
    release: (platform, arch) => {
      const cpu = goArch[arch];
      if (platform !== 'linux' || cpu === undefined) return undefined;
      const url = `https://dl.k8s.io/release/v${kubernetesVersion}/bin/linux/${cpu}/${name}`;
      return { url, checksumsUrl: `${url}.sha256`, file: name };
    },
    byHand: `Get ${name} ${kubernetesVersion} (https://kubernetes.io/releases/download/) and set ${variable} to its path, or install Go 1.26 or newer (https://go.dev/dl/).`,
  };
}

export const tools: Readonly<Record<ToolName, Tool>> = {
  pulumi: {
    name: 'pulumi',
    module: 'pulumi',
    version: pulumiVersion,
    variable: 'PORTOLAN_PULUMI',
    versionArgs: ['version'],
    goPackage: 'github.com/pulumi/pulumi/pkg/v3/cmd/pulumi',
    // without -X the version is empty, and the SDK's Automation API cannot parse it
    ldflags: `-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v${pulumiVersion}`,
    release: (platform, arch) => {
      if (!unix.includes(platform) || goArch[arch] === undefined) return undefined;
      const file = `pulumi-v${pulumiVersion}-${platform}-${arch}.tar.gz`;
      const folder = 'https://get.pulumi.com/releases/sdk';
      const checksumsUrl = `${folder}/pulumi-${pulumiVersion}-checksums.txt`;
      return {
        url: `${folder}/${file}`,
        checksumsUrl,
        file,
        members: ['pulumi/pulumi', 'pulumi/pulumi-language-nodejs'],
      };
    },
    byHand: `Install Pulumi ${pulumiVersion} (https://www.pulumi.com/docs/install/) and set PORTOLAN_PULUMI to its path, or install Go 1.25 or newer (https://go.dev/dl/).`,
  },
  'nats-server': {
    name: 'nats-server',
    module: 'nats-server',
    version: natsVersion,
    variable: 'PORTOLAN_NATS_SERVER',
    versionArgs: ['--version'],
    goPackage: 'github.com/nats-io/nats-server/v2',
    ldflags: '-s -w',
    release: (platform, arch) => {
      const cpu = goArch[arch];
      if (!unix.includes(platform) || cpu === undefined) return undefined;
      const folder = `https://github.com/nats-io/nats-server/releases/download/v${natsVersion}`;
      const stem = `nats-server-v${natsVersion}-${platform}-${cpu}`;
      const file = `${stem}.tar.gz`;
      return { url: `${folder}/${file}`, checksumsUrl: `${folder}/SHA256SUMS`, file, members: [`${stem}/nats-server`] };
    },
    byHand: `Install nats-server ${natsVersion} (https://nats.io/download/) and set PORTOLAN_NATS_SERVER to its path, or install Go 1.26 or newer (https://go.dev/dl/).`,
  },
  // tests alone need it, so that no vendor's archive is looked for
  pebble: {
    name: 'pebble',
    module: 'pebble',
    version: pebbleVersion,
    variable: 'PORTOLAN_PEBBLE',
    versionArgs: ['-version'],
    goPackage: 'github.com/letsencrypt/pebble/v2/cmd/pebble',
    ldflags: `-s -w -X main.version=${pebbleVersion}`,
    release: () => undefined,
    byHand: `Install pebble ${pebbleVersion} (https://github.com/letsencrypt/pebble) and set PORTOLAN_PEBBLE to its path, or install Go 1.26 or newer (https://go.dev/dl/).`,
  },
  'kube-apiserver': kubernetesTool('kube-apiserver'),
  'kube-controller-manager': kubernetesTool('kube-controller-manager'),
  'kube-scheduler': kubernetesTool('kube-scheduler'),
  etcd: {
    name: 'etcd',
    module: 'etcd',
    version: etcdVersion,
    variable: 'PORTOLAN_ETCD',
    versionArgs: ['--version'],
    goPackage: 'go.etcd.io/etcd/server/v3',
    ldflags: '-s -w',
    release: (platform, arch) => {
      const cpu = goArch[arch];
      // for macOS there are .zip files only
      if (platform !== 'linux' || cpu === undefined) return undefined;
      const folder = `https://github.com/etcd-io/etcd/releases/download/v${etcdVersion}`;
      const stem = `etcd-v${etcdVersion}-linux-${cpu}`;
      const file = `${stem}.tar.gz`;
      return { url: `${folder}/${file}`, checksumsUrl: `${folder}/SHA256SUMS`, file, members: [`${stem}/etcd`] };
    },
    byHand: `Install etcd ${etcdVersion} (https://github.com/etcd-io/etcd/releases) and set PORTOLAN_ETCD to its path, or install Go 1.26 or newer (https://go.dev/dl/).`,
  },
  kwok: {
    name: 'kwok',
    module: 'kwok',
    version: kwokVersion,
    variable: 'PORTOLAN_KWOK',
    versionArgs: ['--version'],
    goPackage: 'sigs.k8s.io/kwok/cmd/kwok',
    ldflags: `-s -w -X sigs.k8s.io/kwok/pkg/consts.Version=v${kwokVersion}`,
    // published without sums to hold them against
    release: () => undefined,
    byHand: `Install kwok ${kwokVersion} (https://kwok.sigs.k8s.io/docs/user/installation/) and set PORTOLAN_KWOK to its path, or install Go 1.26 or newer (https://go.dev/dl/).`,
  },
};
