// The programs that npm does not carry: their pinned versions and every official place they come from. Plain data; the
// ways of getting them are in find-tool.ts. A new version is changed here and in tools/<name>/{go.mod,go.sum}.
// table

export type ToolName = 'pulumi' | 'nats-server' | 'pebble';

/** A published archive of one tool for one platform. */
export interface Release {
  /** Address of a .tar.gz. */
  readonly url: string;
  /** Address of the vendor's list of `<sha256>  <file>` lines. */
  readonly checksumsUrl: string;
  /** Name of the archive in that list. */
  readonly file: string;
  /** Files taken from the archive into the cache; the first is the tool itself and required. */
  readonly members: readonly string[];
}

export interface Tool {
  readonly name: ToolName;
  /** Pinned version, "x.y.z". One found elsewhere suffices with the same major and at least this minor. */
  readonly version: string;
  /** Environment variable that names a path to use instead of all that follows. */
  readonly variable: string;
  readonly versionArgs: readonly string[];
  /** Go package built in tools/<name>/. */
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

export const tools: Readonly<Record<ToolName, Tool>> = {
  pulumi: {
    name: 'pulumi',
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
    version: pebbleVersion,
    variable: 'PORTOLAN_PEBBLE',
    versionArgs: ['-version'],
    goPackage: 'github.com/letsencrypt/pebble/v2/cmd/pebble',
    ldflags: `-s -w -X main.version=${pebbleVersion}`,
    release: () => undefined,
    byHand: `Install pebble ${pebbleVersion} (https://github.com/letsencrypt/pebble) and set PORTOLAN_PEBBLE to its path, or install Go 1.26 or newer (https://go.dev/dl/).`,
  },
};
