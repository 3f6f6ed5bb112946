/**
 * One container of a pod through its lives: prepared, started, probed, restarted with a growing pause, ended by SIGTERM and then
 * SIGKILL. Invariant: at most one process of it runs, and none does after `stop`.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { ImageConfig } from '../../../tools/images/index.ts';
import { NotConfigured } from './environment.ts';
import { type Launch, launchScript } from './launch.ts';
import type { Container, ContainerState, ContainerStatus, Handler, Probe } from './objects.ts';
import { ask } from './probes.ts';

export interface ContainerImage {
  /** Absolute folder; never written to. */
  readonly rootfs: string;
  readonly config: ImageConfig;
}

export interface ContainerArgs {
  readonly spec: Container;
  readonly image: ContainerImage | undefined;
  readonly podIp: string;
  /** Argument vector that enters the pod's namespaces and takes a script for `sh -c` as its last one. */
  readonly enter: readonly string[];
  readonly logFile: string;
  /** Throws NotConfigured. `environment` is also written to the file that the launch names. */
  readonly prepare: (
    life: number,
  ) => Promise<{ readonly launch: Launch; readonly environment: Readonly<Record<string, string>> }>;
}

/** Shorter than kubelet's 10 s to 5 min: a test has no time. */
const firstPauseMs = 250;
const longestPauseMs = 8_000;
const healthyMs = 30_000;
const retryMs = 500;
const eagerMs = 500;

interface Watching {
  readonly untilGood?: boolean;
  readonly told?: (good: boolean) => void;
}

export class ContainerRun {
  readonly spec: Container;
  readonly #args: ContainerArgs;
  readonly #stopping = new AbortController();
  #state: ContainerState = { waiting: { reason: 'PodInitializing' } };
  #lastState: ContainerState = {};
  #restarts = 0;
  #ready = false;
  #started = false;
  #child: ChildProcess | undefined;
  #environment: Readonly<Record<string, string>> = {};
  #launch: Launch | undefined;
  #living: Promise<void> | undefined;

  constructor(args: ContainerArgs) {
    this.spec = args.spec;
    this.#args = args;
  }

  get status(): ContainerStatus {
    const { name, image } = this.spec;
    return {
      ...{ name, image, imageID: image, ready: this.#ready, started: this.#started },
      ...{ restartCount: this.#restarts, state: this.#state, lastState: this.#lastState },
    };
  }

  /** undefined while it has not ended for good. */
  get exitCode(): number | undefined {
    return this.#state.terminated?.exitCode;
  }

  /** Runs it until it has ended for good, by `restart` or by `stop`. */
  run(restart: 'Always' | 'OnFailure' | 'Never'): Promise<void> {
    this.#living = this.#live(restart);
    return this.#living;
  }

  async #live(restart: 'Always' | 'OnFailure' | 'Never'): Promise<void> {
    let pause = firstPauseMs;
    for (let life = 0; !this.#stopping.signal.aborted; life += 1) {
      const began = Date.now();
      if (!(await this.#liveOnce(life))) return;
      const code = this.exitCode ?? 1;
      if (this.#stopping.signal.aborted || restart === 'Never' || (restart === 'OnFailure' && code === 0)) return;
      if (Date.now() - began > healthyMs) pause = firstPauseMs;
      this.#lastState = this.#state;
      this.#state = { waiting: { reason: 'CrashLoopBackOff', message: `exit ${code}; again in ${pause} ms` } };
      await this.#sleep(pause);
      pause = Math.min(pause * 2, longestPauseMs);
      this.#restarts += 1;
    }
  }

  /** False where it never came to a process. */
  async #liveOnce(life: number): Promise<boolean> {
    const prepared = await this.#prepare(life);
    if (prepared === undefined) return false;
    this.#launch = prepared.launch;
    this.#environment = prepared.environment;
    const startedAt = now();
    const over = new AbortController();
    const { exit, up } = this.#spawn(prepared.launch);
    const runs = await Promise.race([up, exit.then(() => false)]);
    if (runs) this.#state = { running: { startedAt } };
    const probing = runs ? this.#probe(over.signal) : undefined;
    const end = await exit;
    over.abort();
    [this.#ready, this.#started] = [false, false];
    this.#child = undefined;
    this.#state = {
      terminated: { ...end, reason: end.exitCode === 0 ? 'Completed' : 'Error', startedAt, finishedAt: now() },
    };
    await probing;
    rmSync(prepared.launch.scratch, { recursive: true, force: true });
    return true;
  }

  async #prepare(life: number) {
    while (!this.#stopping.signal.aborted) {
      try {
        if (this.#args.image === undefined)
          throw new NotConfigured(`image ${this.spec.image} was not given to the harness`);
        return await this.#args.prepare(life);
      } catch (error) {
        const reason = this.#args.image === undefined ? 'ErrImagePull' : 'CreateContainerConfigError';
        this.#state = { waiting: { reason, message: (error as Error).message } };
        await this.#sleep(retryMs);
      }
    }
    return undefined;
  }

  #spawn(launch: Launch): { exit: Promise<{ exitCode: number; signal?: number }>; up: Promise<boolean> } {
    const log = openSync(this.#args.logFile, 'a', 0o600);
    const [command = '', ...enter] = this.#args.enter;
    const child = spawn(command, [...enter, launchScript(launch)], { stdio: ['ignore', log, log, 'pipe'] });
    closeSync(log);
    this.#child = child;
    const exit = new Promise<{ exitCode: number; signal?: number }>((resolve) => {
      child.on('error', () => resolve({ exitCode: 128 }));
      child.on('exit', (code, name) => resolve(name === null ? { exitCode: code ?? 1 } : ended(name)));
    });
    const up = new Promise<boolean>((resolve) => child.stdio[3]?.once('data', () => resolve(true)));
    return { exit, up };
  }

  /** Its first process, as the node sees it. */
  get pid(): number | undefined {
    const own = this.#child?.pid;
    if (own === undefined) return undefined;
    try {
      const first = Number(readFileSync(`/proc/${own}/task/${own}/children`, 'utf8').trim().split(' ')[0]);
      return first > 0 ? first : undefined;
    } catch {
      return undefined; // it has ended
    }
  }

  signal(name: NodeJS.Signals): void {
    const { pid } = this;
    try {
      if (pid !== undefined) process.kill(pid, name);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }

  /** Runs a command in it as its user; answers exit code and output. 126 where it does not run. */
  async execute(argv: readonly string[], timeout: number): Promise<{ code: number; output: string }> {
    const [pid, launch] = [this.pid, this.#launch];
    if (pid === undefined || launch === undefined) return { code: 126, output: 'the container does not run' };
    const enter = [
      '-t',
      String(pid),
      '-m',
      '-n',
      '-p',
      '-u',
      '-i',
      '-r',
      '-w',
      '-S',
      String(launch.uid),
      '-G',
      String(launch.gid),
      '--',
    ];
    const child = spawn('/usr/bin/nsenter', [...enter, ...argv], {
      env: { ...this.#environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout,
      killSignal: 'SIGKILL',
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    return new Promise((resolve) => {
      child.on('error', (error) => resolve({ code: 126, output: error.message }));
      child.on('close', (code) => resolve({ code: code ?? 137, output }));
    });
  }

  async #probe(over: AbortSignal): Promise<void> {
    const { startupProbe, readinessProbe, livenessProbe } = this.spec;
    if (startupProbe) {
      const passed = await this.#watch(startupProbe, over, { untilGood: true });
      if (over.aborted) return;
      if (!passed) return this.#kill('startup probe');
    }
    this.#started = true;
    this.#ready = readinessProbe === undefined;
    const told = (good: boolean) => {
      this.#ready = good && !over.aborted;
    };
    const alive =
      livenessProbe &&
      this.#watch(livenessProbe, over, {}).then(() => (over.aborted ? undefined : this.#kill('liveness probe')));
    await Promise.all([readinessProbe && this.#watch(readinessProbe, over, { told }), alive]);
  }

  /**
   * Startup: true once it is good, false when all its time is over. Readiness (`told`): tells each verdict. Liveness: false once
   * it has failed too often. Until they were good once, startup and readiness are asked sooner than kubelet would: a test waits.
   */
  async #watch(probe: Probe, over: AbortSignal, { untilGood, told }: Watching) {
    const { periodSeconds = 10, timeoutSeconds = 1, failureThreshold = 3, successThreshold = 1 } = probe;
    const period = periodSeconds * 1_000;
    const eager = untilGood || told !== undefined;
    const began = Date.now();
    await sleep((probe.initialDelaySeconds ?? 0) * 1_000 + (eager ? 0 : period), over);
    let [good, bad, everGood] = [0, 0, false];
    while (!over.aborted) {
      const passed = await this.#ask(probe, timeoutSeconds * 1_000);
      [good, bad, everGood] = passed ? [good + 1, 0, true] : [0, bad + 1, everGood];
      const failed = untilGood ? Date.now() - began >= failureThreshold * period : bad >= failureThreshold;
      if (good >= successThreshold) told?.(true);
      else if (failed) told?.(false);
      if (untilGood && passed) return true;
      if (!told && failed) return false;
      await sleep(eager && !everGood ? Math.min(period, eagerMs) : period, over);
    }
    return false;
  }

  async #ask(handler: Handler, timeoutMs: number): Promise<boolean> {
    const execute = async (argv: readonly string[], ms: number) => (await this.execute(argv, ms)).code;
    return ask(handler, this.spec, this.#args.podIp, timeoutMs, execute).then(
      () => true,
      () => false,
    );
  }

  async #kill(why: string): Promise<void> {
    if (this.#stopping.signal.aborted) return; // it is ending, in its own time
    console.log(`${this.spec.name}: ${why} failed; killed`);
    this.signal('SIGTERM');
    await delay(2_000);
    if (this.#state.running) this.signal('SIGKILL');
  }

  /** preStop, SIGTERM, and SIGKILL at the deadline (ms since 1970). */
  async stop(deadline: number): Promise<void> {
    if (!this.#stopping.signal.aborted) await this.#preStop(deadline);
    this.#stopping.abort();
    this.signal('SIGTERM');
    const killing = new AbortController();
    const kill = async () => {
      await sleep(Math.max(deadline - Date.now(), 0), killing.signal);
      for (; !killing.signal.aborted; await sleep(100, killing.signal)) this.signal('SIGKILL');
    };
    const killed = kill();
    await this.#living;
    killing.abort();
    await killed;
  }

  async #preStop(deadline: number): Promise<void> {
    const hook = this.spec.lifecycle?.preStop;
    if (hook === undefined || !this.#state.running) return;
    const left = Math.max(deadline - Date.now(), 0);
    if (hook.sleep) await sleep(Math.min(hook.sleep.seconds * 1_000, left), this.#stopping.signal);
    else await this.#ask(hook, left);
  }

  #sleep(ms: number): Promise<void> {
    return sleep(ms, this.#stopping.signal);
  }
}

const now = (): string => new Date().toISOString();

async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => {});
}

const signalNumbers: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGTERM: 15,
};

function ended(name: NodeJS.Signals): { exitCode: number; signal: number } {
  const signal = signalNumbers[name] ?? 0;
  return { exitCode: 128 + signal, signal };
}
