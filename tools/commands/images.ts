// `npm run images`: builds the images of this checkout and says where they are. What is in the cache is not built again.

import { existsSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { buildImages, type Image, ImagesImpossible, imageNames } from '../images/index.ts';
import { run } from '../images/run.ts';
import { checkout } from '../stack/index.ts';
import { Interrupted, interruptible } from '../start/interrupt.mjs';

try {
  const { values } = parseArgs({ options: { unpack: { type: 'string' } } });
  await interruptible(async (signal) => {
    const images = Object.values(await buildImages(checkout, imageNames, signal));
    for (const image of images) console.log(describe(image));
    if (values.unpack !== undefined) await unpack(resolve(values.unpack), images);
  });
} catch (error) {
  if (!(error instanceof ImagesImpossible || error instanceof Interrupted)) throw error;
  console.error(error.message);
  process.exitCode = error instanceof Interrupted ? error.exitCode : 1;
}

function describe({ name, digest, size, archive, sbom }: Image): string {
  const megabytes = (size / 1_000_000).toFixed(1);
  return `${name}\n  digest   ${digest}\n  size     ${megabytes} MB\n  archive  ${archive}\n  sbom     ${sbom}`;
}

async function unpack(folder: string, images: readonly Image[]): Promise<void> {
  mkdirSync(folder, { recursive: true });
  for (const { name, rootfs } of images) {
    const place = join(folder, name);
    if (existsSync(place))
      throw new ImagesImpossible(`${place} is there already. Remove it, or name another folder after --unpack.`);
    await run('cp', ['-a', rootfs, place]);
    console.log(`${name} unpacked to ${place}`);
  }
}
