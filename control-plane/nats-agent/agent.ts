/**
 * The agent beside a NATS server (`control-plane nats-agent [--once] --config <file>`). Once: enrols and writes the files, before nats-server starts.
 * Else it goes on: renews the certificate at two thirds of its life, and has nats-server read its files again then and whenever the public
 * certificate has changed; one that the control plane orders is asked for now and then. Connections live on through that. While the control plane is away the server serves with what it has.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import type { NatsAgentConfig } from './config.ts';
import { EnrolmentRefused, enrol, publicPair } from './enrol.ts';
import { agentFiles, publicFiles, renewalDue, writePublicPair, writeServerFiles } from './files.ts';
import { reloadServer } from './reload.ts';

/** How often files and clock are looked at. */
const TICK_MS = 1_000;
/** How often the control plane is asked for the certificate that it orders; a renewed one is shown long before the old one ends. */
const ASK_MS = 30_000;
const RETRY_MS = 2_000;
const RETRY_MOST_MS = 60_000;

export interface AgentSettings {
  readonly config: NatsAgentConfig;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
  /** Told once for each run of failures; it is tried again. */
  readonly onTrouble: (doing: string, error: unknown) => void;
}

/** Enrols and writes the files. Waits for the control plane for as long as it takes; throws `EnrolmentRefused`. */
export async function runOnce({ config, signal, say, onTrouble }: AgentSettings): Promise<void> {
  for (let tries = 0; !signal.aborted; tries += 1) {
    try {
      if (config.certificate === 'acme') await writePublicPair(config.dir, await publicPair(config));
      await renew(config, say);
      return;
    } catch (error) {
      if (error instanceof EnrolmentRefused) throw error;
      if (tries === 0) onTrouble('enrol', error);
    }
    await wait(pause(tries), undefined, { signal }).catch(() => {});
  }
}

/** Resolves when the signal is aborted; never rejects. */
export async function runBeside(settings: AgentSettings): Promise<void> {
  const { signal } = settings;
  const state: State = {
    tries: 0,
    notBefore: 0,
    loaded: undefined,
    toReload: true,
    troubled: false,
    askAfter: 0,
    unanswered: false,
  };
  while (!signal.aborted) {
    await renewWhenDue(settings, state);
    await askForPublicPair(settings, state);
    await reloadWhenChanged(settings, state);
    await wait(TICK_MS, undefined, { signal }).catch(() => {});
  }
}

interface State {
  tries: number;
  /** Not tried again before this (ms since epoch). */
  notBefore: number;
  /** Digest of the public certificate's files, as we last saw them. */
  loaded: string | undefined;
  /** At our start too: what was changed before it we did not see. */
  toReload: boolean;
  troubled: boolean;
  /** The ordered certificate is not asked for before this (ms since epoch). */
  askAfter: number;
  unanswered: boolean;
}

async function renewWhenDue({ config, say, onTrouble }: AgentSettings, state: State): Promise<void> {
  const now = Date.now();
  if (now < state.notBefore) return;
  try {
    if (now < (await renewalDue(config.dir))) return;
    await renew(config, say);
    state.tries = 0;
    state.toReload = true;
  } catch (error) {
    if (state.tries === 0) onTrouble('renew the certificate', error);
    state.notBefore = now + pause(state.tries);
    state.tries += 1;
  }
}

async function askForPublicPair({ config, onTrouble }: AgentSettings, state: State): Promise<void> {
  if (config.certificate !== 'acme' || Date.now() < state.askAfter) return;
  state.askAfter = Date.now() + ASK_MS * (0.5 + Math.random() / 2); // servers do not ask together
  try {
    await writePublicPair(config.dir, await publicPair(config));
    state.unanswered = false;
  } catch (error) {
    if (!state.unanswered) onTrouble('ask for the public certificate', error);
    state.unanswered = true;
  }
}

async function reloadWhenChanged({ config, say, onTrouble }: AgentSettings, state: State): Promise<void> {
  try {
    const seen = await digestOf(publicFiles(config));
    state.toReload ||= seen !== state.loaded;
    state.loaded = seen;
    if (!state.toReload || !(await reloadServer(agentFiles(config.dir).pid))) return;
    state.toReload = false;
    state.troubled = false;
    say('nats-server reads its files again');
  } catch (error) {
    if (!state.troubled) onTrouble('have nats-server read its files again', error);
    state.troubled = true;
  }
}

async function renew(config: NatsAgentConfig, say: (line: string) => void): Promise<void> {
  const enrolled = await enrol(config);
  await writeServerFiles(config, enrolled);
  say(`certificate and keys of NATS server ${enrolled.identity.server} written to ${config.dir}`);
}

async function digestOf({ certFile, keyFile }: ReturnType<typeof publicFiles>): Promise<string> {
  const hash = createHash('sha256');
  for (const path of [certFile, keyFile]) hash.update(await readFile(path));
  return hash.digest('hex');
}

const pause = (tries: number): number => Math.min(RETRY_MS * 2 ** tries, RETRY_MOST_MS) * (0.5 + Math.random() / 2);
