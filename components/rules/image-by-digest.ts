/**
 * An image is named by what it is, not by what someone calls it today: a tag can be moved to other bytes after review, a
 * digest cannot. Source: OCI distribution specification, "Pulling manifests".
 */
import { at, type Declared, list, notYetKnown, type Violation, violation } from './declared.ts';
import { containersOf, podsOf } from './pods.ts';

export const rule = 'image-by-digest';

const byDigest = /^[^\s@]+@sha256:[0-9a-f]{64}$/;

export const expectedImage = 'an image by digest, as in registry.example.com/portolan/gateway@sha256:<64 hex digits>';

export function isByDigest(reference: unknown): boolean {
  return typeof reference === 'string' && byDigest.test(reference);
}

/** The command that finds the digest of what a reference with a tag names today. */
export function findDigest(reference: unknown): string {
  const usable = typeof reference === 'string' && /^[\w.:/-]+$/.test(reference) ? reference : '<image>:<tag>';
  return `Find it with \`crane digest ${usable}\` (or \`skopeo inspect --format '{{.Digest}}' docker://${usable}\`), and write @sha256:… in place of the tag.`;
}

export function imageByDigest(resource: Declared): readonly Violation[] {
  return podsOf(resource)
    .flatMap((pod) => [
      ...containersOf(pod).map(({ path, container }) => ({ path: `${path}.image`, image: at(container, 'image') })),
      ...list(at(pod.spec, 'volumes'))
        .map((volume, index) => ({ path: `${pod.path}.volumes[${index}].image.reference`, volume }))
        .filter(({ volume }) => at(volume, 'image') !== undefined)
        .map(({ path, volume }) => ({ path, image: at(volume, 'image', 'reference') })),
    ])
    .filter(({ image }) => image !== notYetKnown && !isByDigest(image))
    .map(({ path, image }) => violation(rule, resource, { path, expected: expectedImage, remedy: findDigest(image) }));
}
