/**
 * One pod from its network namespace to its end: address, volumes, init containers in order, sidecars, containers. Ends leave
 * nothing: processes, mounts and links die with the namespaces, folders are removed.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { KubeApi } from '../../stand-ins/kubernetes/index.ts';
import { type ContainerImage, ContainerRun } from './container.ts';
import { environmentOf, expand, NotConfigured, type ReadData } from './environment.ts';
import { capabilitiesOf, type Launch, type Mount, waiter } from './launch.ts';
import type { Container, Pod, SecurityContext } from './objects.ts';
import { type PodView, statusOf } from './status.ts';
import { Volumes } from './volumes.ts';

export interface PodArgs {
  readonly pod: Pod;
  readonly api: KubeApi;
  readonly read: ReadData;
  readonly images: Readonly<Record<string, ContainerImage>>;
  readonly ip: string;
  readonly gateway: string;
  readonly hostIp: string;
  readonly bridge: string;
  /** Of the veth pair's end at the node. */
  readonly link: string;
  readonly dns: string;
  readonly domain: string;
  /** Environment of every container: where the API is. */
  readonly env: Readonly<Record<string, string>>;
  readonly folder: string;
  readonly memory: string;
}

export class PodRun {
  readonly pod: Pod;
  readonly #args: PodArgs;
  readonly #volumes: Volumes;
  readonly #init: ContainerRun[];
  readonly #containers: ContainerRun[];
  readonly #startTime = new Date().toISOString();
  readonly #stopping = new AbortController();
  readonly #memory: string;
  readonly #disk: string;
  #pause: ChildProcess | undefined;
  /** Resolves when the namespaces are there. */
  #paused: Promise<unknown> | undefined;
  #initialized = false;
  #status: ReturnType<typeof statusOf> | undefined;
  #running: Promise<void> | undefined;

  constructor(args: PodArgs) {
    this.pod = args.pod;
    this.#args = args;
    const { uid } = args.pod.metadata;
    this.#memory = join(args.memory, uid);
    this.#disk = join(args.folder, 'pods', uid);
    const places = { memory: this.#memory, disk: this.#disk, claims: join(args.folder, 'claims') };
    this.#volumes = new Volumes(args.pod, { podIp: args.ip, hostIp: args.hostIp }, places, args.api, args.read);
    for (const made of [this.#memory, this.#disk, this.logs]) mkdirSync(made, { recursive: true, mode: 0o711 });
    this.#startPause();
    const container = (spec: Container) => this.#container(spec);
    this.#init = (args.pod.spec.initContainers ?? []).map(container);
    this.#containers = args.pod.spec.containers.map(container);
  }

  get logs(): string {
    return join(this.#args.folder, 'logs', `${this.pod.metadata.namespace}_${this.pod.metadata.name}`);
  }

  find(name: string): ContainerRun | undefined {
    return [...this.#containers, ...this.#init].find(({ spec }) => spec.name === name);
  }

  status() {
    const statuses = (runs: readonly ContainerRun[]) => runs.map((run) => run.status);
    const init = this.#init.map((run) =>
      run.spec.restartPolicy === 'Always' ? run.status : { ...run.status, ready: run.exitCode === 0 },
    );
    const view: PodView = {
      ...{ pod: this.pod, podIp: this.#args.ip, hostIp: this.#args.hostIp, startTime: this.#startTime },
      ...{ init, containers: statuses(this.#containers), initialized: this.#initialized },
    };
    this.#status = statusOf(view, this.#status?.conditions ?? []);
    return this.#status;
  }

  start(): void {
    this.#running = this.#run().catch((error: unknown) => console.error(`pod ${this.pod.metadata.name}:`, error));
  }

  /** Files of Secrets, ConfigMaps and tokens follow what they come from. */
  async refresh(): Promise<void> {
    if (!this.#stopping.signal.aborted && this.#initialized) await this.#volumes.sync();
  }

  async #run(): Promise<void> {
    while (!(await this.#mounted())) {
      if (this.#stopping.signal.aborted) return;
      await delay(300);
    }
    await this.#paused;
    this.#plug();
    const policy = this.pod.spec.restartPolicy ?? 'Always';
    for (const one of this.#init) {
      if (this.#stopping.signal.aborted) return;
      if (one.spec.restartPolicy === 'Always') {
        void one.run('Always');
        while (!one.status.started && !this.#stopping.signal.aborted) await delay(50);
        continue;
      }
      await one.run(policy === 'Never' ? 'Never' : 'OnFailure');
      if (one.exitCode !== 0) return this.#endSidecars(Date.now());
    }
    if (this.#stopping.signal.aborted) return;
    this.#initialized = true;
    await Promise.all(this.#containers.map((one) => one.run(policy)));
    await this.#endSidecars(Date.now() + this.#graceMs());
  }

  async #mounted(): Promise<boolean> {
    return this.#volumes.sync().then(
      () => true,
      (error: unknown) => {
        console.log(`pod ${this.pod.metadata.name} waits for volumes: ${(error as Error).message}`);
        return false;
      },
    );
  }

  #graceMs(): number {
    return (this.pod.spec.terminationGracePeriodSeconds ?? 30) * 1_000;
  }

  async #endSidecars(deadline: number): Promise<void> {
    const sidecars = this.#init.filter(({ spec }) => spec.restartPolicy === 'Always').reverse();
    for (const one of sidecars) await one.stop(Math.max(deadline, Date.now() + 1_000));
  }

  /** Containers at once, then sidecars in reverse, then the namespaces. Undefined: as long as the pod says. */
  async stop(graceMs = this.#graceMs()): Promise<void> {
    const deadline = Date.now() + graceMs;
    this.#stopping.abort();
    const plain = this.#init.filter(({ spec }) => spec.restartPolicy !== 'Always');
    await Promise.all([...plain, ...this.#containers].map((one) => one.stop(deadline)));
    await this.#endSidecars(deadline);
    await this.#running;
    const pause = this.#pause;
    if (pause && pause.exitCode === null && pause.signalCode === null) {
      const end = once(pause, 'exit');
      pause.kill('SIGKILL');
      await end;
    }
    this.#clean();
  }

  #clean(): void {
    // an emptyDir in memory is a mount of the node's
    for (const { name, emptyDir } of this.pod.spec.volumes ?? []) {
      const place = emptyDir?.medium === 'Memory' ? this.#volumes.place(name) : undefined;
      if (place && existsSync(place)) execFileSync('umount', ['-l', place]);
    }
    for (const folder of [this.#memory, this.#disk]) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }

  /** Holds the pod's namespaces, as the pause container does. */
  #startPause(): void {
    const shared = this.pod.spec.shareProcessNamespace ? ['--pid', '--fork', '--kill-child', '--mount-proc'] : [];
    const name = this.pod.spec.hostname ?? this.pod.metadata.name;
    const hold = `printf %s "$1" > /proc/sys/kernel/hostname; echo up; exec sleep infinity`;
    const args = ['--net', '--uts', '--ipc', ...shared, 'sh', '-c', hold, 'pause', name];
    this.#pause = spawn('unshare', args, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#paused = once(this.#pause.stdout as Readable, 'data');
  }

  #plug(): void {
    const { ip, gateway, bridge, link } = this.#args;
    const pause = String(this.#pause?.pid);
    const inside = ['-t', pause, '-n', 'ip'];
    const own = (...args: string[]) => execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'inherit'] });
    const pods = (...args: string[]) =>
      execFileSync('nsenter', [...inside, ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
    own('link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', pause);
    own('link', 'set', link, 'master', bridge, 'up');
    pods('link', 'set', 'lo', 'up');
    pods('addr', 'add', `${ip}/24`, 'dev', 'eth0');
    pods('link', 'set', 'eth0', 'up');
    pods('route', 'add', 'default', 'via', gateway);
  }

  #container(spec: Container): ContainerRun {
    const pause = `/proc/${this.#pause?.pid}/ns`;
    const shares = this.pod.spec.shareProcessNamespace === true;
    const spaces = [
      `--net=${pause}/net`,
      `--uts=${pause}/uts`,
      `--ipc=${pause}/ipc`,
      ...(shares ? [`--pid=${pause}/pid_for_children`] : []),
    ];
    const apart = shares ? ['unshare', '--mount'] : ['unshare', '--mount', '--pid', 'perl', '-e', waiter];
    const logFile = join(this.logs, `${spec.name}.log`);
    return new ContainerRun({
      ...{ spec, image: this.#args.images[spec.image], podIp: this.#args.ip, logFile },
      enter: ['nsenter', ...spaces, '--', ...apart, 'sh', '-c'],
      prepare: (life) => this.#prepare(spec, life),
    });
  }

  async #prepare(
    spec: Container,
    life: number,
  ): Promise<{ launch: Launch; environment: Readonly<Record<string, string>> }> {
    const { images, ip, hostIp, read, env } = this.#args;
    const { rootfs, config } = images[spec.image] as ContainerImage;
    const given = await environmentOf(this.pod, spec, { podIp: ip, hostIp }, read);
    const ofImage = Object.fromEntries((config.Env ?? []).map((line) => line.split(/=(.*)/s).slice(0, 2)));
    const environment: Record<string, string> = {
      HOSTNAME: this.pod.spec.hostname ?? this.pod.metadata.name,
      ...env,
      ...ofImage,
      ...given,
    };
    const scratch = join(this.#memory, 'containers', `${spec.name}-${life}`);
    mkdirSync(scratch, { recursive: true });
    const environmentFile = join(scratch, 'environment');
    writeFileSync(
      environmentFile,
      Object.entries(environment)
        .map(([name, value]) => `${name}=${value}\0`)
        .join(''),
      { mode: 0o600 },
    );
    const [command, args] = [
      spec.command ?? config.Entrypoint ?? [],
      spec.args ?? (spec.command ? [] : (config.Cmd ?? [])),
    ];
    const argv =
      spec.command || spec.args
        ? [...command, ...args].map((one, at) =>
            at < command.length && !spec.command ? one : expand(one, environment),
          )
        : [...command, ...args];
    const security = { ...this.pod.spec.securityContext, ...definedOf(spec.securityContext) };
    const launch: Launch = {
      ...{ rootfs, scratch, environmentFile, argv, mounts: this.#mounts(spec, scratch) },
      ...identityOf(security, config.User),
      groups: [
        ...new Set([
          ...(security.supplementalGroups ?? []),
          ...(security.fsGroup === undefined ? [] : [security.fsGroup]),
        ]),
      ],
      readOnlyRoot: security.readOnlyRootFilesystem === true,
      capabilities: capabilitiesOf(security.capabilities),
      noNewPrivileges: security.allowPrivilegeEscalation === false,
      cwd: spec.workingDir ?? config.WorkingDir ?? '/',
    };
    return { launch, environment };
  }

  #mounts(spec: Container, scratch: string): Mount[] {
    const {
      metadata,
      spec: { hostAliases = [], hostname, subdomain },
    } = this.pod;
    const { ip, dns, domain } = this.#args;
    const host = hostname ?? metadata.name;
    const own = subdomain ? `${host}.${subdomain}.${metadata.namespace}.svc.${domain} ${host}` : host;
    const aliases = hostAliases.map((one) => `${one.ip} ${(one.hostnames ?? []).join(' ')}`);
    const search = `${metadata.namespace}.svc.${domain} svc.${domain} ${domain}`;
    const files: Readonly<Record<string, string>> = {
      '/etc/hosts': ['127.0.0.1 localhost', '::1 localhost', `${ip} ${own}`, ...aliases, ''].join('\n'),
      '/etc/resolv.conf': `nameserver ${dns}\nsearch ${search}\noptions ndots:5\n`,
      '/etc/hostname': `${host}\n`,
    };
    const made = Object.entries(files).map(([to, text]): Mount => {
      const from = join(scratch, to.slice('/etc/'.length));
      writeFileSync(from, text, { mode: 0o644 });
      return { from, to, readOnly: true, isFile: true };
    });
    const volumes = (spec.volumeMounts ?? []).map(({ name, mountPath, subPath, readOnly }): Mount => {
      const from = join(this.#volumes.place(name), subPath ?? '');
      if (subPath && !existsSync(from)) mkdirSync(from, { recursive: true });
      const volume = this.pod.spec.volumes?.find((one) => one.name === name);
      const fromApi = !volume?.emptyDir && !volume?.persistentVolumeClaim;
      return { from, to: mountPath, readOnly: readOnly === true || fromApi, isFile: !statSync(from).isDirectory() };
    });
    return [...made, ...volumes];
  }
}

/** What a container leaves open, the pod says. */
function definedOf(security: SecurityContext = {}): SecurityContext {
  return Object.fromEntries(Object.entries(security).filter(([, value]) => value !== undefined && value !== null));
}

function identityOf(security: SecurityContext, ofImage = ''): { uid: number; gid: number } {
  const [user = '', group = ''] = ofImage.split(':');
  const uid = security.runAsUser ?? Number(user || 0);
  const gid = security.runAsGroup ?? Number(group || 0);
  if (Number.isNaN(uid) || Number.isNaN(gid))
    throw new NotConfigured(`the image's user is "${ofImage}": expected numbers`);
  if (security.runAsNonRoot && uid === 0)
    throw new NotConfigured('container has runAsNonRoot and image will run as root');
  return { uid, gid };
}
