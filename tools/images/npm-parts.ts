// Which npm packages are in a bundle: by the bundler's own list of what went in, with versions and sums of package-lock.json.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Metafile } from 'esbuild';
import type { Part } from './sbom.ts';

interface Locked {
  readonly version?: string;
  readonly license?: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly link?: boolean;
}

/** In order of name. Packages of this checkout are not among them: they are the image itself. */
export function npmParts(checkout: string, { inputs }: Metafile): readonly Part[] {
  const lock: { packages: Record<string, Locked> } = JSON.parse(
    readFileSync(join(checkout, 'package-lock.json'), 'utf8'),
  );
  const folders = new Set(Object.keys(inputs).flatMap((path) => packageFolder(path) ?? []));
  return [...folders].sort().map((folder) => {
    const locked = lock.packages[folder];
    const name = folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length);
    if (locked?.version === undefined)
      throw new Error(`${folder} is bundled, but package-lock.json does not name it. Run \`npm ci\` and build again.`);
    const { version, license, integrity } = locked;
    const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`;
    const sha512 = integrity?.startsWith('sha512-')
      ? Buffer.from(integrity.slice(7), 'base64').toString('hex')
      : undefined;
    return { name, version, purl, ...(license && { license }), ...(sha512 && { sha512 }) };
  });
}

/** `node_modules/a/node_modules/@b/c` of a file in it; undefined for files of the checkout. */
export function packageFolder(path: string): string | undefined {
  return /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0];
}
