/** The same rules for constructors: what the policy pack would refuse is refused where it is written, with its argument. */
import { ArgumentError } from '@portolan/provider';
import { type Violation, violationText } from './declared.ts';
import { expectedImage, findDigest, isByDigest } from './image-by-digest.ts';

/**
 * The reference, if it names an image by digest.
 *
 * @param argument `KubernetesSite(onprem).images.gateway`
 * @throws ArgumentError with the command that finds the digest of a tag.
 */
export function expectDigest(argument: string, reference: unknown): string {
  if (typeof reference === 'string' && isByDigest(reference)) return reference;
  throw new ArgumentError(argument, `expected ${expectedImage}. ${findDigest(reference)}`);
}

/**
 * Nothing, if no rule was broken.
 *
 * @param argument What the rules judged: `KubernetesSite(onprem).transform`
 * @throws ArgumentError with every violation, one a line.
 */
export function expectNoViolation(argument: string, violations: readonly Violation[]): void {
  if (violations.length > 0) throw new ArgumentError(argument, violations.map(violationText).join('\n'));
}
