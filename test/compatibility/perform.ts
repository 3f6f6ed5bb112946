/**
 * One action of one client on one server, by one route. Every action has a session of its own, so that what one breaks no other
 * suffers. Returns how it went, in words that are equal where two routes do the same; rejects, with the reason, where it did not.
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { Action } from './actions.ts';
import type { Cable } from './cable.ts';
import type { Client, Ears, Session } from './clients/client.ts';
import type { Server, Tool } from './servers/server.ts';

export interface Route {
  /** Where the client connects, behind `near`. */
  readonly url: string;
  readonly token: string | undefined;
  /** Between the client and what it connects to. */
  readonly near: Cable;
  /** Between whoever calls the server and the server. */
  readonly far: Cable;
}

interface Scene {
  readonly session: Session;
  readonly client: Client;
  readonly server: Server;
  readonly route: Route;
  readonly heard: Heard;
  readonly signal: AbortSignal;
}

/** How long a client may take to start and connect, and then to act: generous, for machines that have other things to do. */
const deadlineMs = { connect: 60_000, act: 40_000 };
/** How long after its answer a call's log message may come: server-everything sends one every five seconds. */
const logMs = 8_000;
/** How long a torn call is waited for, until its client is taken to have given it up. */
const resumeMs = 6_000;

/** What the client heard during one session. */
class Heard implements Ears {
  readonly log = Promise.withResolvers<void>();
  elicitations = 0;
  samplings = 0;
  readonly form: Record<string, string>;
  readonly completion: string;

  constructor({ form, tools }: Server) {
    this.form = { ...form };
    this.completion = tools.sample.says;
  }

  logged(): void {
    this.log.resolve();
  }

  elicited(): void {
    this.elicitations += 1;
  }

  sampled(): void {
    this.samplings += 1;
  }
}

export interface Task {
  readonly action: Action;
  readonly client: Client;
  readonly server: Server;
}

export async function perform({ action, client, server }: Task, route: Route, stop: AbortSignal): Promise<string> {
  stop.throwIfAborted();
  const end = new AbortController();
  stop.addEventListener('abort', () => end.abort(stop.reason), { signal: end.signal });
  let timer = expire(end, 'connect');
  const heard = new Heard(server);
  let session: Session | undefined;
  try {
    return await orAborted(end.signal, async () => {
      session = await client.connect({ ...route, signal: end.signal }, heard);
      clearTimeout(timer);
      if (end.signal.aborted) return session.close().then(() => Promise.reject(end.signal.reason));
      timer = expire(end, 'act');
      return acts[action]({ session, client, server, route, heard, signal: end.signal });
    });
  } finally {
    clearTimeout(timer);
    end.abort(new Error('the action is over'));
    await session?.close().catch(() => {}); // torn connections cannot be closed in good order
  }
}

function expire(end: AbortController, step: keyof typeof deadlineMs): NodeJS.Timeout {
  const why = new Error(`${step}: not done after ${deadlineMs[step] / 1_000} s`);
  return setTimeout(() => end.abort(why), deadlineMs[step]);
}

/** A client that hangs hangs alone. */
function orAborted<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  return Promise.race([work(), promise]);
}

const acts: Readonly<Record<Action, (scene: Scene) => Promise<string>>> = {
  initialise: async ({ session }) => session.protocol,
  list: async ({ session, server }) => {
    const names = await session.list();
    const missing = [server.tools.echo.name, server.tools.progress.name].filter((name) => !names.includes(name));
    if (missing.length > 0) throw new Error(`the list lacks ${missing.join(', ')}`);
    return `${names.length} tools`;
  },
  call: async (scene) => {
    await answered(scene, scene.server.tools.echo);
    return 'answered';
  },
  stream: async (scene) => {
    await answered(scene, scene.server.tools.log);
    await Promise.race([scene.heard.log.promise, after(logMs, 'the client showed no log message', scene.signal)]);
    return 'log message';
  },
  progress: async (scene) => {
    let steps = 0;
    await answered(scene, scene.server.tools.progress, () => {
      steps += 1;
    });
    if (steps < 2) throw new Error(`the client showed ${steps} progress notifications`);
    return 'progress';
  },
  elicitation: async (scene) => {
    await answered(scene, scene.server.tools.elicit);
    if (scene.heard.elicitations === 0) throw new Error('the client was not asked');
    return 'asked and answered';
  },
  sampling: async (scene) => {
    await answered(scene, scene.server.tools.sample);
    if (scene.heard.samplings === 0) throw new Error('the client was not asked');
    return 'asked and answered';
  },
  cancel,
  reconnect,
};

/** Rejects when the time is up. */
async function after(ms: number, says: string, signal: AbortSignal): Promise<never> {
  await wait(ms, undefined, { signal, ref: false });
  throw new Error(says);
}

async function answered({ session }: Scene, tool: Tool, progressed?: () => void): Promise<void> {
  const text = await session.call(tool.name, tool.args, progressed && { progressed });
  if (!text.includes(tool.says)) throw new Error(`${tool.name} answered ${JSON.stringify(text.slice(0, 200))}`);
}

async function cancel(scene: Scene): Promise<string> {
  const { endless } = scene.server.tools;
  const stop = new AbortController();
  const told = scene.route.far.cancelled(endless.name, scene.signal);
  told.catch(() => {}); // awaited below, unless the call fails first
  const { call } = await underWay(scene, endless, stop.signal);
  stop.abort(new Error('cancelled by its caller'));
  await call.then(
    () => Promise.reject(new Error('the cancelled call was answered')),
    () => {},
  );
  const how = await told;
  await answered(scene, scene.server.tools.echo);
  return how;
}

async function reconnect(scene: Scene): Promise<string> {
  const { slow, echo } = scene.server.tools;
  const giveUp = new AbortController();
  const { call } = await underWay(scene, slow, giveUp.signal);
  scene.route.near.cut();
  const timer = setTimeout(() => giveUp.abort(new Error('given up')), resumeMs);
  const resumed = await call.then(
    (text) => text.includes(slow.says),
    () => false,
  );
  clearTimeout(timer);
  await answered(scene, echo);
  return resumed ? 'the torn call was answered' : 'the next call was answered';
}

/** Starts a call and waits until the server is at work on it. */
async function underWay(scene: Scene, tool: Tool, signal: AbortSignal): Promise<{ readonly call: Promise<string> }> {
  const { session, client, route } = scene;
  const progress = Promise.withResolvers<void>();
  const atWork = client.showsProgress ? progress.promise : route.far.asked(tool.name, scene.signal);
  const call = session.call(tool.name, tool.args, { signal, progressed: () => progress.resolve() });
  call.catch(() => {}); // whoever asked for it looks at it
  await Promise.race([atWork, call.then(() => Promise.reject(new Error(`${tool.name} was over at once`)))]);
  return { call };
}
