/** What the arguments of every plane have in common, as zod. */
import { z } from 'zod';

/** A public URL of ours is compared byte by byte and dialled by its host and port, so it is an origin and nothing more. */
export const PublicUrl = z
  .string()
  .refine(isHttpsOrigin, 'expected https://host or https://host:port, without path and trailing slash');

function isHttpsOrigin(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && url.protocol === 'https:' && url.origin === text;
}
