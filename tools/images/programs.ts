// What building images takes beside npm: two programs of Debian, and root. Says what is missing and how it is had.

import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Images cannot be made here; the message says what to do. */
export class ImagesImpossible extends Error {}

const needed = ['buildah', 'mmdebstrap', 'dpkg-deb'];

/** Why images cannot be built on this machine, or undefined. Asks no network. */
export function whyNoImages(): string | undefined {
  if (process.platform !== 'linux') return `Images are built on Linux; this is ${process.platform}.`;
  if (process.getuid?.() !== 0) return 'Images are built as root (file owners, chroot). Run this as root.';
  const missing = needed.filter((name) => !isOnPath(name));
  if (missing.length === 0) return undefined;
  return `${missing.join(', ')} not on PATH. On Debian: apt-get install --no-install-recommends buildah mmdebstrap`;
}

function isOnPath(name: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
