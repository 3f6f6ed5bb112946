// The images of this checkout for tests, or why there are none. Nothing is skipped in silence: the reason is printed, and
// stands in the name of what is skipped.

import { buildImages, type Image, type ImageName, ImagesImpossible } from '../../tools/images/index.ts';
import { checkout } from '../../tools/stack/index.ts';

export type Built<Name extends ImageName> =
  | { readonly images: Record<Name, Image>; readonly missing?: undefined }
  | { readonly images?: undefined; readonly missing: string };

/** Takes a minute or two once, then comes from the cache. A build that fails is an error, and skips nothing. */
export async function imagesForTests<Name extends ImageName>(...names: Name[]): Promise<Built<Name>> {
  try {
    return { images: await buildImages(checkout, names) };
  } catch (error) {
    if (!(error instanceof ImagesImpossible)) throw error;
    process.stderr.write(`\n*** SKIPPED: tests that need the images ${names.join(', ')}. ${error.message}\n\n`);
    return { missing: error.message };
  }
}
