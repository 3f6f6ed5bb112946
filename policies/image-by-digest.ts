/** Why: a tag can be moved to other bytes after they were reviewed, scanned and signed; a digest names the bytes themselves. */
import { imageByDigest } from '@portolan/components/rules';
import { resourcePolicy } from './policy.ts';

const description =
  'Every image is named by its digest, because a tag can be moved to other bytes after it was reviewed.';

export const policy = resourcePolicy({ name: 'image-by-digest', description, severity: 'high' }, imageByDigest);
