/**
 * Keeps this gateway somebody: enrols when an enrolment file lies there, or by its pod's token; renews at two thirds of the certificate's life, and
 * after every wake or reconnect where that was missed. What the exchanges are stands in obtain.ts.
 * Invariant: never throws and never stops serving; a refusal leaves the identity as it is, and the log says what a person must do.
 */
import { rm } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { api } from '@portolan/core';
import type { Clock, Log, MeshCredentials, MeshIdentity } from '../../ports.ts';
import type { ControlPlaneAddress } from '../ask-control-plane.ts';
import { Listeners } from '../listeners.ts';
import { readIfThere } from '../replace-file.ts';
import { backoff, Pause } from '../wait.ts';
import { chainFile, type HeldIdentity, loadIdentity, storeIdentity, type Trust } from './held-identity.ts';
import { type GatewayKeys, keepKeys } from './keys.ts';
import { type Asker, enrol, enrolPod, IdentityRefused, type Obtained, renew } from './obtain.ts';

/** The wall clock is looked at this often: a machine that slept does not advance its timers. */
const LOOK_MS = 1000;
const RETRY = { first: 500, most: 30_000 } as const;
/** A refusal may end without us: the gateway is made active again, the grace lengthened. */
const REFUSED_RETRY_MS = 60_000;
const REMIND_MS = 60_000;

export interface IdentityOptions {
  /** Folder of the keys and the identity; made with mode 0700. */
  readonly folder: string;
  readonly enrolmentFile: string;
  /** In place of `enrolmentFile`. */
  readonly serviceAccountTokenFile?: string | undefined;
  readonly controlPlane: ControlPlaneAddress;
  readonly clock: Clock;
  readonly log: Log;
}

/** A new identity: `newMesh` where it is of another mesh or name than the one before, whose revisions and snapshot mean nothing here. */
export interface IdentityNews {
  readonly identity: HeldIdentity;
  readonly snapshot: string;
  readonly newMesh: boolean;
}

/** Reads or makes the keys, loads the stored identity. Throws where a file is corrupt, with what to do. */
export async function openIdentity(options: IdentityOptions): Promise<KeptIdentity> {
  const keys = await keepKeys(options.folder);
  return new KeptIdentity(options, keys, await loadIdentity(options.folder, keys, options.log));
}

export class KeptIdentity implements MeshIdentity {
  readonly keys: GatewayKeys;
  readonly #options: IdentityOptions;
  readonly #changed: Listeners;
  readonly #obtained: Listeners<IdentityNews>;
  readonly #pause = new Pause();
  #held: HeldIdentity | undefined;
  #credentials: MeshCredentials | undefined;
  #stored: Promise<void> = Promise.resolve();
  #tries = 0;
  /** Wall clock, ms; nothing is asked before it. */
  #askAfter = 0;
  #refusedEnrolment: string | undefined;
  #remindAfter = 0;
  #alarmed = false;

  constructor(options: IdentityOptions, keys: GatewayKeys, held: HeldIdentity | undefined) {
    this.keys = keys;
    this.#options = options;
    const onError = (error: unknown): void => options.log.error({ err: error }, 'a listener of the identity failed');
    this.#changed = new Listeners(onError);
    this.#obtained = new Listeners(onError);
    if (held) this.#hold(held);
  }

  current(): MeshCredentials | undefined {
    return this.#credentials;
  }

  held(): HeldIdentity | undefined {
    return this.#held;
  }

  /** PEM files for the NATS client; they exist once `current()` is defined. */
  files(): { readonly certFile: string; readonly keyFile: string } {
    return { certFile: chainFile(this.#options.folder), keyFile: this.keys.meshKeyFile };
  }

  onChange(listener: () => void): () => void {
    return this.#changed.add(listener);
  }

  /** After each enrolment and renewal, before `onChange`. */
  onObtained(listener: (news: IdentityNews) => void): () => void {
    return this.#obtained.add(listener);
  }

  /** Whom to trust as the snapshot in force states it; one of another mesh than ours says nothing here. */
  async adopt({ meshRootSha256, caBundle, snapshotKeys }: Trust): Promise<void> {
    const held = this.#held;
    if (!held || held.meshRootSha256 !== meshRootSha256) return;
    const next = { ...held, caBundle, snapshotKeys };
    if (isDeepStrictEqual(next, held)) return;
    this.#hold(next);
    this.#changed.call();
    await this.#store();
  }

  /** The network came back: what is due is asked for at once. */
  nudge(): void {
    if (!this.#due()) return;
    this.#askAfter = 0;
    this.#tries = 0;
    this.#pause.wake();
  }

  /** Works until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#look(signal);
      } catch (error) {
        this.#failed(error);
      }
      await this.#pause.wait(LOOK_MS, signal);
    }
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { serviceAccountTokenFile } = this.#options;
    if (serviceAccountTokenFile !== undefined) return this.#lookAsPod(serviceAccountTokenFile, signal);
    const now = this.#options.clock.now();
    const order = await readIfThere(this.#options.enrolmentFile);
    if (order === undefined) this.#refusedEnrolment = undefined;
    if (order !== undefined && order !== this.#refusedEnrolment) {
      if (now >= this.#askAfter) await this.#enrol(order, signal);
    } else if (this.#held === undefined) this.#remind(order === undefined);
    else if (this.#due()) {
      this.#alarm(this.#held);
      if (now >= this.#askAfter) await this.#renew(this.#held, signal);
    }
  }

  /** Its token lies there at all times, so whatever else fails it enrols again, with the same keys. */
  async #lookAsPod(tokenFile: string, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    const held = this.#held;
    if (held && !this.#due()) return;
    if (held) this.#alarm(held);
    if (clock.now() < this.#askAfter) return;
    if (held && clock.now() < held.notAfter)
      try {
        return await this.#renew(held, signal);
      } catch (error) {
        if (!(error instanceof IdentityRefused)) throw error;
        log.warn({ err: error }, `renewal refused: ${error.message}; enrolling again by the service-account token`);
      }
    await this.#take(await enrolPod(this.#asker(signal), await readToken(tokenFile), held));
  }

  async #enrol(order: string, signal: AbortSignal): Promise<void> {
    const file = this.#options.enrolmentFile;
    try {
      const enrolment = parseEnrolment(order);
      await this.#take(await enrol(this.#asker(signal), enrolment));
      await rm(file, { force: true });
    } catch (error) {
      if (!(error instanceof IdentityRefused)) throw error;
      // the same secret would be refused again: only another file helps
      this.#refusedEnrolment = order;
      this.#remindAfter = 0;
      const advice = `make a new enrolment (POST /api/v1/gateways/<name>/enrolments) and write its answer to ${file}`;
      this.#options.log.error({ err: error }, `enrolment refused: ${error.message}; ${advice}`);
    }
  }

  async #renew(held: HeldIdentity, signal: AbortSignal): Promise<void> {
    const self = this.#credentials;
    if (self) await this.#take(await renew(this.#asker(signal), held, self));
  }

  async #take({ identity, snapshot }: Obtained): Promise<void> {
    const before = this.#held;
    const newMesh =
      before !== undefined &&
      (before.meshRootSha256 !== identity.meshRootSha256 ||
        before.gateway !== identity.gateway ||
        before.federation !== identity.federation);
    this.#hold(identity);
    await this.#store();
    this.#tries = 0;
    this.#askAfter = 0;
    this.#alarmed = false;
    const { federation, gateway, notAfter } = identity;
    const fields = { federation, gateway, notAfter: new Date(notAfter).toISOString() };
    this.#options.log.info(fields, before && !newMesh ? 'mesh certificate renewed' : 'enrolled');
    this.#obtained.call({ identity, snapshot, newMesh });
    this.#changed.call();
  }

  #hold(held: HeldIdentity): void {
    const { federation, gateway, certificateChain: chain, caBundle: ca, notAfter } = held;
    this.#held = held;
    this.#credentials = Object.freeze({ federation, gateway, key: this.keys.meshKey, chain, ca, notAfter });
  }

  /** One write after the other, each of what is held when its turn comes: an older identity never replaces a newer one. */
  #store(): Promise<void> {
    const write = async (): Promise<void> => {
      if (this.#held) await storeIdentity(this.#options.folder, this.#held, this.keys);
    };
    const turn = this.#stored.then(write);
    this.#stored = turn.catch(() => undefined);
    return turn;
  }

  #due(): boolean {
    return this.#held !== undefined && this.#options.clock.now() >= renewalDue(this.#held);
  }

  #failed(error: unknown): void {
    const { clock, log } = this.#options;
    // who is nobody yet may be refused only until it is registered
    const patient = error instanceof IdentityRefused && this.#held !== undefined;
    const wait = patient ? REFUSED_RETRY_MS : backoff(this.#tries, RETRY.first, RETRY.most);
    this.#tries += 1;
    this.#askAfter = clock.now() + wait;
    const what = this.#held ? 'the mesh certificate could not be renewed' : 'the gateway could not enrol';
    log.warn(
      { err: error, nextTryInMs: Math.round(wait) },
      `${what}: ${error instanceof Error ? error.message : error}`,
    );
  }

  #remind(absent: boolean): void {
    const { clock, log, enrolmentFile } = this.#options;
    if (clock.now() < this.#remindAfter) return;
    this.#remindAfter = clock.now() + REMIND_MS;
    const state = absent ? 'there is no such file yet' : 'its enrolment was refused';
    log.warn({ enrolmentFile }, `not enrolled: waiting for an enrolment file at ${enrolmentFile}, ${state}`);
  }

  #alarm(held: HeldIdentity): void {
    if (this.#alarmed || this.#options.clock.now() < alarmDue(held)) return;
    this.#alarmed = true;
    const notAfter = new Date(held.notAfter).toISOString();
    this.#options.log.error(
      { alarm: 'certificate', notAfter },
      'the mesh certificate is long due for renewal: without one, peers refuse this gateway; look at the control plane',
    );
  }

  #asker(signal: AbortSignal): Asker {
    const { controlPlane, clock } = this.#options;
    return { controlPlane, keys: this.keys, now: () => clock.now(), signal };
  }
}

/** Two thirds between receipt and end. From receipt, not from notBefore, which is set back for clocks that differ. */
const renewalDue = (held: Pick<HeldIdentity, 'obtainedAt' | 'notAfter'>): number =>
  held.obtainedAt + ((held.notAfter - held.obtainedAt) * 2) / 3;

/** Half of what was left when renewal fell due: time enough for a person, late enough not to cry wolf. */
const alarmDue = (held: Pick<HeldIdentity, 'obtainedAt' | 'notAfter'>): number =>
  (renewalDue(held) + held.notAfter) / 2;

/** Read at each try: kubelet replaces it before it expires. */
async function readToken(path: string): Promise<string> {
  const token = (await readIfThere(path))?.trim();
  if (token) return token;
  throw new Error(`${path} holds no service-account token: mount a projected volume with one there`);
}

function parseEnrolment(text: string): api.Enrolment {
  try {
    return api.Enrolment.parse(JSON.parse(text));
  } catch (cause) {
    throw new IdentityRefused('the enrolment file has not the expected form', { cause });
  }
}
