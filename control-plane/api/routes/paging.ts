/** Query of every list. */
import { z } from 'zod';
import { paging } from '../../cursor.ts';

export const Paging = z.strictObject(paging(100));
