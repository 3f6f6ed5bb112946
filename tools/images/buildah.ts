// buildah without a container engine: storage of its own in one folder (driver vfs), RUN by chroot. Nothing of it outlives
// the folder.

import { join } from 'node:path';
import { run } from './run.ts';

export interface ImageConfig {
  readonly User?: string;
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly WorkingDir?: string;
  readonly StopSignal?: string;
  readonly Labels?: Readonly<Record<string, string>>;
  readonly ExposedPorts?: Readonly<Record<string, unknown>>;
  readonly Healthcheck?: { readonly Test?: readonly string[] };
}

export interface BuildArgs {
  readonly dockerfile: string;
  readonly context: string;
  readonly args?: Readonly<Record<string, string>>;
}

export class Buildah {
  readonly #folder: string;
  readonly #signal: AbortSignal | undefined;

  constructor(folder: string, signal?: AbortSignal) {
    this.#folder = folder;
    this.#signal = signal;
  }

  /** Answers the image's id. Docker's format: that of OCI has no health check. */
  async build({ dockerfile, context, args = {} }: BuildArgs): Promise<string> {
    const given = Object.entries(args).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]);
    const made = process.env.SOURCE_DATE_EPOCH ?? '0';
    const flags = ['--quiet', '--format', 'docker', '--timestamp', made, '--layers=false', '--pull-never'];
    const out = await this.#run('build', ...flags, ...given, '-f', dockerfile, context);
    return out.trim().split('\n').at(-1) ?? '';
  }

  async inspect(id: string): Promise<{ readonly digest: string; readonly config: ImageConfig }> {
    const found: { FromImageDigest: string; Docker: { config: ImageConfig } } = JSON.parse(
      await this.#run('inspect', '--type', 'image', id),
    );
    return { digest: found.FromImageDigest, config: found.Docker.config };
  }

  /** As `docker load` and `podman load` take it. */
  async save(id: string, archive: string, reference: string): Promise<void> {
    await this.#run('push', '--quiet', id, `docker-archive:${archive}:${reference}`);
  }

  /** Copies the image's file system, owners and modes as they are, to a folder that is not there yet. */
  async unpack(id: string, folder: string): Promise<void> {
    const container = (await this.#run('from', '--pull-never', id)).trim();
    const mounted = (await this.#run('mount', container)).trim();
    await run('cp', ['-a', mounted, folder], { signal: this.#signal });
    await this.#run('umount', container);
    await this.#run('rm', container);
  }

  #run(...args: string[]): Promise<string> {
    const place = [
      '--root',
      join(this.#folder, 'storage'),
      '--runroot',
      join(this.#folder, 'run'),
      '--storage-driver',
      'vfs',
    ];
    const env = { STORAGE_DRIVER: 'vfs', BUILDAH_ISOLATION: 'chroot', TMPDIR: this.#folder };
    return run('buildah', [...place, ...args], { env, signal: this.#signal });
  }
}
