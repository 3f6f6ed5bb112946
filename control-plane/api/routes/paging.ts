/** Query of every list. */
import { z } from 'zod';

export const Paging = z.strictObject({
  limit: z.coerce.number().pipe(z.int().min(1).max(500)).default(100).describe('Entries a page.'),
  cursor: z.string().max(1_000).optional().describe('`next` of the page before.'),
});
