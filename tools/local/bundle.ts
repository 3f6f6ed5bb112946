// The planes as one file each, which is what a local stack runs and an image holds: gateway/dist/gateway.mjs and
// control-plane/dist/control-plane.mjs. Nothing stays outside but Node's own modules.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { build, type Metafile } from 'esbuild';
import { CommandFailed } from './command-failed.ts';

export interface Bundles {
  readonly gateway: string;
  readonly controlPlane: string;
}

/** Packages written for CommonJS ask for these by name. */
const commonJs = [
  "import { createRequire as __createRequire } from 'node:module';",
  "import { dirname as __folderOf } from 'node:path';",
  'const require = __createRequire(import.meta.url);',
  'const __filename = import.meta.filename;',
  'const __dirname = __folderOf(__filename);',
].join('\n');

export async function bundlePlanes(checkout: string): Promise<Bundles> {
  const [gateway, controlPlane] = await Promise.all([bundle(checkout, 'gateway'), bundle(checkout, 'control-plane')]);
  return { gateway, controlPlane };
}

async function bundle(checkout: string, name: string): Promise<string> {
  const outfile = join(checkout, name, 'dist', `${name}.mjs`);
  await bundlePlane({ checkout, name, outfile });
  return outfile;
}

export interface BundleArgs {
  readonly checkout: string;
  readonly name: string;
  readonly outfile: string;
  /** Default true; without, only the answer is made. */
  readonly write?: boolean;
}

/** Answers with what went into the file, by paths relative to the checkout. Throws CommandFailed. */
export async function bundlePlane({ checkout, name, outfile, write = true }: BundleArgs): Promise<Metafile> {
  const entry = join(checkout, name, 'main.ts');
  if (!existsSync(entry)) throw new CommandFailed(`${name}/main.ts is missing: the checkout is not whole.`);
  const { metafile } = await build({
    entryPoints: [entry],
    absWorkingDir: checkout,
    outfile,
    write,
    metafile: true,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    banner: { js: commonJs },
    // a smaller text is less memory in each process; names stay, for stack traces
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: 'none',
    logLevel: 'silent',
    // pg asks for it in a try block and does without
    external: ['pg-native'],
  }).catch((error: Error) => {
    throw new CommandFailed(`${name} could not be bundled:\n${error.message}`);
  });
  return metafile;
}
