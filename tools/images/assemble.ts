// What is laid over the base of a plane's image: Node, the bundled plane, the health check, and the SBOM of all of it and of
// the base. Runs inside the build stage; makes nothing but the folder that it is given.

import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { bundlePlane } from '../local/bundle.ts';
import { npmParts } from './npm-parts.ts';
import { debianParts, sbomOf } from './sbom.ts';

export interface AssembleArgs {
  readonly checkout: string;
  readonly plane: string;
  readonly out: string;
  /** Folder of the base's package descriptions, one file a package. */
  readonly packages: string;
}

export async function assemble({ checkout, plane, out, packages }: AssembleArgs): Promise<void> {
  const app = join(out, 'opt', 'portolan');
  const outfile = join(app, plane, 'main.js');
  const metafile = await bundlePlane({ checkout, name: plane, outfile });
  put(join(app, plane, 'package.json'), '{"type":"module"}\n');
  put(join(app, 'package.json'), '{"type":"module"}\n');
  copy(join(checkout, 'tools', 'images', 'health.mjs'), join(app, 'health.js'));
  copy(process.execPath, join(out, 'usr', 'local', 'bin', 'node'), 0o755);
  const node = {
    name: 'node',
    version: process.version.slice(1),
    license: 'MIT',
    purl: `pkg:generic/node@${process.version.slice(1)}`,
  };
  const parts = [node, ...npmParts(checkout, metafile), ...debianParts(packages)];
  const made = Number(process.env.SOURCE_DATE_EPOCH ?? 0);
  put(
    join(out, 'usr', 'share', 'sbom', `${plane}.spdx.json`),
    sbomOf({ name: `portolan-${plane}`, version: '0.1.0', parts, made }),
  );
  for (const folder of ['opt', 'usr']) chmodSync(join(out, folder), 0o755);
}

function put(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  writeFileSync(path, text, { mode: 0o644 });
}

function copy(from: string, to: string, mode = 0o644): void {
  mkdirSync(dirname(to), { recursive: true, mode: 0o755 });
  copyFileSync(from, to);
  chmodSync(to, mode);
}
