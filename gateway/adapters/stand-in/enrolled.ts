/** Test only: a gateway's adapters beside a stand-in control plane and a real nats-server, enrolled and ready; ended by `end`. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Log } from '../../ports.ts';
import { type KeptIdentity, openIdentity } from '../identity/keep-identity.ts';
import { NatsLink } from '../nats/nats-link.ts';
import { systemClock } from '../system-clock.ts';
import { StandInControlPlane } from './control-plane.ts';

export class Enrolled {
  readonly folder: string;
  readonly plane: StandInControlPlane;
  readonly identity: KeptIdentity;
  readonly link: NatsLink;
  readonly log: Log;
  readonly lines: string[];
  readonly #stop = new AbortController();
  readonly #running: Promise<void>[] = [];

  private constructor(
    folder: string,
    plane: StandInControlPlane,
    identity: KeptIdentity,
    own: { log: Log; lines: string[] },
  ) {
    this.folder = folder;
    this.plane = plane;
    this.identity = identity;
    this.log = own.log;
    this.lines = own.lines;
    this.link = new NatsLink({
      servers: [plane.nats.url],
      caFile: plane.caFile,
      identity,
      clock: systemClock,
      log: own.log,
    });
  }

  /** The control plane runs, NATS does not yet. */
  static async begin(certificateLife = 86_400_000): Promise<Enrolled> {
    const folder = await mkdtemp(join(tmpdir(), 'enrolled-'));
    const plane = await StandInControlPlane.prepare(folder);
    plane.certificateLife = certificateLife;
    await plane.start();
    const enrolmentFile = join(folder, 'enrolment.json');
    await writeFile(enrolmentFile, JSON.stringify(await plane.enrolment()));
    const lines: string[] = [];
    const say = (_fields: object, text: string): void => void lines.push(text);
    const log = { info: say, warn: say, error: say };
    const controlPlane = { url: plane.url, caFile: plane.caFile };
    const identity = await openIdentity({
      folder: join(folder, 'identity'),
      enrolmentFile,
      controlPlane,
      clock: systemClock,
      log,
    });
    const made = new Enrolled(folder, plane, identity, { log, lines });
    made.run((signal) => identity.run(signal));
    while (!identity.current()) await new Promise((resolve) => setTimeout(resolve, 20));
    return made;
  }

  /** Runs until `end`. */
  run(work: (signal: AbortSignal) => Promise<void>): void {
    this.#running.push(work(this.#stop.signal));
  }

  async end(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#running);
    await this.plane.stop();
    await this.plane.nats.kill();
    await rm(this.folder, { recursive: true, force: true });
  }
}
